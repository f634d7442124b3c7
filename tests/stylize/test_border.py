"""Bands along borders: seen where there are some, and what is drawn within is no band."""

from __future__ import annotations

import pytest
import torch

from stylize.training.border import banding


def test_a_band_is_a_strip_of_another_colour() -> None:
    within = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    assert float(banding(within, within)) == 0.0
    # Another mean all over is the part's own, no band.
    assert float(banding(within + 0.2, within)) == pytest.approx(0.0, abs=1e-12)
    banded = within.clone()
    banded[:, 0, :, :8] += 0.3
    # The left side in one of three colours, and 8 of 96 columns of the upper and the lower one.
    expected = (0.3**2 + 2 * (0.3 * 8 / 96) ** 2) / 12
    assert float(banding(banded, within)) == pytest.approx(expected, rel=1e-5)


def test_strokes_are_no_band() -> None:
    """As bright as dark along the border: seen as strokes, not as a band."""
    within = torch.zeros(1, 3, 64, 64)
    alone = within.clone()
    alone[:, :, :8, 0::2], alone[:, :, :8, 1::2] = 0.3, -0.3
    assert float(banding(alone, within)) == pytest.approx(0.0, abs=1e-9)


def test_it_has_a_gradient() -> None:
    within = torch.zeros(1, 3, 64, 64)
    alone = within.clone()
    alone[:, :, -8:] = 0.1
    alone.requires_grad_()
    banding(alone, within).backward()
    assert alone.grad is not None
    assert float(alone.grad[:, :, -8:].min()) > 0.0
