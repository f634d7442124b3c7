"""VGG-16: stored activations, a convolution by hand, and files that are something else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from scipy.signal import correlate

from sim.deadline import InputError
from stylize.vgg import MEAN_BGR, TAPS, VGG16, WEIGHTS, read_weights, shapes

GOLDEN = Path(__file__).with_name("activations.json")


def ramp() -> torch.Tensor:
    """Return a picture that is easily made again: ramps of red and green, stripes of blue."""
    row, column = torch.meshgrid(torch.arange(32), torch.arange(48), indexing="ij")
    return torch.stack((row / 31, column / 47, (column // 4 % 2).float()))[None]


def test_activations_are_the_stored_ones() -> None:
    """They were stored once; `TTIRACE_GOLDEN=write` writes them anew."""
    found = {
        tap: {
            "shape": list(x.shape),
            "mean": float(x.mean()),
            "some": x[0, ::61, 1, 2].tolist(),
        }
        for tap, x in VGG16.load()(ramp()).items()
    }
    if os.environ.get("TTIRACE_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert list(found) == list(golden) == list(TAPS)
    for tap, kept in golden.items():
        assert found[tap]["shape"] == kept["shape"]
        # single precision, in whatever order it is added up
        assert found[tap]["mean"] == pytest.approx(kept["mean"], rel=1e-5)
        np.testing.assert_allclose(found[tap]["some"], kept["some"], rtol=1e-4, atol=1e-3)


def test_the_first_block_by_hand() -> None:
    weights = {name: value.astype(np.float64) for name, value in read_weights(WEIGHTS).items()}
    x = 255.0 * ramp()[0].numpy()[::-1] - np.array(MEAN_BGR)[:, None, None]
    for name in ("conv1_1", "conv1_2"):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        x = np.stack(
            [
                sum(correlate(padded[i], kernel[i], "valid") for i in range(len(padded))) + bias
                for kernel, bias in zip(
                    weights[f"{name}.weight"], weights[f"{name}.bias"], strict=True
                )
            ]
        )
        x = np.maximum(x, 0.0)
    found = VGG16.load(dtype=torch.float64)(ramp().double(), last=TAPS[0])
    assert list(found) == [TAPS[0]]
    np.testing.assert_allclose(found[TAPS[0]][0].numpy(), x, rtol=1e-6, atol=1e-4)


def test_half_precision_is_near() -> None:
    whole, half = VGG16.load()(ramp()), VGG16.load(dtype=torch.bfloat16)(ramp())
    for tap in TAPS:
        apart = (whole[tap] - half[tap].float()).square().mean() / whole[tap].square().mean()
        assert float(apart) < 1e-3


def test_torchvisions_names_and_scale(tmp_path: Path) -> None:
    """The same network in torchvision's words sees the same, up to its other mean colour."""
    ours = read_weights(WEIGHTS)
    theirs, place = {}, 0
    for name in [name.removesuffix(".weight") for name in shapes() if name.endswith(".weight")]:
        while place in (4, 9, 16):  # maxima over 2 x 2
            place += 1
        for part in ("weight", "bias"):
            theirs[f"features.{place}.{part}"] = np.asarray(ours[f"{name}.{part}"], np.float32)
        place += 2
    std = np.array((0.229, 0.224, 0.225), np.float32)[:, None, None]
    theirs["features.0.weight"] = (theirs["features.0.weight"][:, ::-1] * 255.0 * std).copy()
    save_file(theirs, tmp_path / "vgg16.safetensors")
    again = read_weights(tmp_path / "vgg16.safetensors")
    for name, value in ours.items():
        np.testing.assert_allclose(
            again[name], np.asarray(value, np.float32), rtol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_files_that_are_something_else(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "vgg.safetensors"
    if content is None:
        save_file({"conv1_1.weight": np.zeros((64, 3, 3, 3), np.float32)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"vgg.safetensors: no"):
        VGG16.load(path)


def test_no_file_and_weights_of_another_shape(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        VGG16.load(tmp_path / "none.safetensors")
    weights = dict(read_weights(WEIGHTS))
    weights["conv2_1.bias"] = np.zeros(5, np.float16)
    with pytest.raises(InputError, match=r"conv2_1.bias: \(5,\), want \(128,\)"):
        VGG16(weights)
