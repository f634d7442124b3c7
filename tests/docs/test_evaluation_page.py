"""The table that docs/evaluate.md shows is what its command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from in_process import Ttirace

PAGE = Path(__file__).parents[2] / "docs" / "evaluate.md"
COMMAND = "ttirace evaluate dnn_k10 --suite quick"

#: Shares of WMMSE's, its best of ten starts' and exhaustive search's rate, in %, at 0 and 20 dB.
#: A last bit decides elsewhere which of ten starts is the best, as in tests/golden.
TOLERANCE = (0.05, 0.4, 0.05) * 2


def shares(printed: str) -> list[float]:
    """Return those of ten links with Rayleigh fading; what stands behind them are times."""
    (row,) = re.findall(r"^ rayleigh +10 (.*)$", printed, re.MULTILINE)
    return [float(share) for share in re.findall(r"(?<![\d.±])\d+\.\d+", row)][: len(TOLERANCE)]


def test_the_table_shown_is_what_is_printed(ttirace: Ttirace) -> None:
    page = PAGE.read_text("utf-8")
    assert COMMAND in page
    # A cell's channels depend on nothing but its channel and links: the others need no evaluation.
    result = ttirace(*COMMAND.split()[1:], "--channel", "rayleigh", "--links", 10)
    assert result.code == 0, result.err
    for shown, found, most in zip(shares(page), shares(result.out), TOLERANCE, strict=True):
        assert shown == pytest.approx(found, abs=most)
