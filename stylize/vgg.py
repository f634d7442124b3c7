"""VGG-16 up to relu4_3, frozen: what the losses see of a picture.

K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition",
2015. The shipped weights are the authors' own (ILSVRC-2014, CC BY 4.0; see `weights/NOTICE.md`),
in half precision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from stylize.winograd import Convolution

if TYPE_CHECKING:
    import torch

WEIGHTS = Path(__file__).with_name("weights") / "vgg16_relu4_3.safetensors"

#: Convolutions of each block, with the channels that leave it; a maximum over 2 x 2 between blocks.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512))

#: What is looked at: the last activation of each block.
TAPS = tuple(f"relu{block}_{convolutions}" for block, (convolutions, _) in enumerate(BLOCKS, 1))

_TORCHVISION_STD = np.array((0.229, 0.224, 0.225), dtype=np.float32)[:, None, None]

#: Channels from which fewer multiplications are worth two changes of basis, in single precision.
_WIDE = 128

#: Subtracted from blue, green and red, each from 0 to 255.
MEAN_BGR = (103.939, 116.779, 123.68)


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the weights, convolutions as (out, in, height, width)."""
    found: dict[str, tuple[int, ...]] = {}
    inputs = 3
    for block, (convolutions, outputs) in enumerate(BLOCKS, 1):
        for i in range(1, convolutions + 1):
            found[f"conv{block}_{i}.weight"] = (outputs, inputs, 3, 3)
            found[f"conv{block}_{i}.bias"] = (outputs,)
            inputs = outputs
    return found


class VGG16:
    """The network, for pictures as red, green and blue from 0 to 1.

    Args:
        weights: by the names of `shapes`.
        dtype: what is computed in; ``bfloat16`` moves a loss by some 1e-3 and takes half the time
            where the processor has it.

    Raises:
        InputError: weights are missing, or of another shape.
    """

    def __init__(
        self, weights: Mapping[str, NDArray[np.floating]], dtype: torch.dtype | None = None
    ) -> None:
        import torch

        self.dtype = torch.float32 if dtype is None else dtype
        self._weights: dict[str, torch.Tensor] = {}
        for name, shape in shapes().items():
            if name not in weights or weights[name].shape != shape:
                got = tuple(weights[name].shape) if name in weights else "none"
                raise InputError(f"VGG-16: {name}: {got}, want {shape}")
            value = torch.from_numpy(np.asarray(weights[name], dtype=np.float32)).to(self.dtype)
            layout = torch.channels_last if value.ndim == 4 else torch.contiguous_format
            self._weights[name] = value.contiguous(memory_format=layout)
        self._quick: dict[str, Convolution] = {}
        if self.dtype == torch.float32:
            for name, shape in shapes().items():
                layer, _, part = name.partition(".")
                if part == "weight" and shape[1] >= _WIDE:
                    value, bias = (self._weights[f"{layer}.{part}"] for part in ("weight", "bias"))
                    self._quick[layer] = Convolution(value.numpy(), bias.numpy())
        self._mean = torch.tensor(MEAN_BGR)[:, None, None]
        first = np.asarray(weights["conv1_1.weight"], dtype=np.float16)
        #: Of the first layer: tells apart networks whose losses cannot be compared.
        self.digest = hashlib.sha256(first.tobytes()).hexdigest()[:12]

    @classmethod
    def load(cls, path: Path | None = None, dtype: torch.dtype | None = None) -> VGG16:
        """Return the network with the shipped weights, or with those of a file.

        Args:
            path: ``.safetensors``, by our names or by torchvision's (``features.0.weight``), whose
                scale of input is then torchvision's, too.
            dtype: see `VGG16`.

        Raises:
            InputError: the file cannot be read, or holds something else.
        """
        return cls(read_weights(WEIGHTS if path is None else path), dtype)

    def __call__(
        self, pictures: torch.Tensor, last: str = TAPS[-1], padding: str = "constant"
    ) -> dict[str, torch.Tensor]:
        """Return the activations at `TAPS`, up to ``last``.

        Args:
            pictures: ``(N, 3, H, W)``, red, green, blue from 0 to 1; H and W at least 8.
            last: computed no further than this.
            padding: what is put around before each convolution: ``constant``, zeros, as the
                authors did; ``replicate``, the border once more, which makes no edge of it.
        """
        import torch
        from torch.nn.functional import conv2d, max_pool2d, pad

        x = (255.0 * pictures.flip(1) - self._mean).to(self.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        found: dict[str, torch.Tensor] = {}
        for block, (convolutions, _) in enumerate(BLOCKS, 1):
            for i in range(1, convolutions + 1):
                name = f"conv{block}_{i}"
                x = pad(x, (1, 1, 1, 1), mode=padding)
                if name in self._quick:
                    x = self._quick[name](x)
                else:
                    weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
                    x = conv2d(x, weight, bias).relu()
            found[TAPS[block - 1]] = x
            if TAPS[block - 1] == last:
                break
            x = max_pool2d(x, 2)
        return found


def read_weights(path: Path) -> dict[str, NDArray[np.floating]]:
    """Return the weights in a file, by our names.

    Raises:
        InputError: the file cannot be read, or lacks some.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        given = load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; want VGG-16 as safetensors") from None
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: no safetensors file of VGG-16 ({error})") from None
    if "features.0.weight" in given:
        given = {ours: given[theirs] for ours, theirs in _torchvision().items() if theirs in given}
        # Theirs sees red, green, blue as (x - mean) / std, with all but the same mean.
        first = np.asarray(given["conv1_1.weight"], dtype=np.float32)
        given["conv1_1.weight"] = (first / (255.0 * _TORCHVISION_STD))[:, ::-1].copy()
    missing = [name for name in shapes() if name not in given]
    if missing:
        raise InputError(f"{path}: no VGG-16: lacks {missing[0]}")
    return {name: given[name] for name in shapes()}


def _torchvision() -> dict[str, str]:
    """Return torchvision's name of each of our weights: its layers are numbered through."""
    names: dict[str, str] = {}
    place = 0
    for block, (convolutions, _) in enumerate(BLOCKS, 1):
        for i in range(1, convolutions + 1):
            for part in ("weight", "bias"):
                names[f"conv{block}_{i}.{part}"] = f"features.{place}.{part}"
            place += 2  # the convolution and its relu
        place += 1  # the maximum
    return names
