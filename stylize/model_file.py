"""A trained network on disk, and the shipped ones by name.

A file holds one trunk and the styles that share it; its card, the JSON beside it, says how it was
trained and what it is worth.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError, did_you_mean, shown
from sim.deadline.models.model_file import card_path, load, save
from sim.deadline.reading import read_json
from stylize.loss import LossWeights, StyleLoss, Target
from stylize.network import PER_STYLE, SIZES, Size, shapes
from stylize.vgg import BLOCKS, TAPS, VGG16

ARCHITECTURE = "stylize"

WEIGHTS = Path(__file__).with_name("weights")
"""Where the shipped networks are, as ``STYLE_SIZE.safetensors``."""


@dataclass(frozen=True, slots=True)
class Model:
    """A network and its styles.

    Attributes:
        size: name of the size, one of `stylize.network.SIZES`.
        styles: names of the styles that it knows, in the order of its weights.
        weights: by the names of `stylize.network.shapes`, float32.
        targets: of each style, what the loss that trained it knows of it.
        loss: the weights of that loss.
        vgg: digest of the VGG-16 that it looked through.
        in_8_bits: whether its file keeps convolutions in 8 bits, or in half precision as the rest.
    """

    size: str
    styles: tuple[str, ...]
    weights: Mapping[str, NDArray[np.float32]]
    targets: tuple[Target, ...]
    loss: LossWeights
    vgg: str
    in_8_bits: bool = True

    @property
    def made_of(self) -> Size:
        """What the network is made of."""
        return SIZES[self.size]

    @property
    def digest(self) -> str:
        """What tells networks apart."""
        content = b"".join(self.weights[name].tobytes() for name in sorted(self.weights))
        return hashlib.sha256(content).hexdigest()[:12]

    def only(self, style: str | None = None) -> Model:
        """Return the network of one style: the first, or that of the given name.

        Raises:
            InputError: it does not know that style.
        """
        if style is not None and style not in self.styles:
            raise InputError(f"style {style!r}{did_you_mean(style, self.styles)}")
        place = 0 if style is None else self.styles.index(style)
        weights = {
            name: value[place : place + 1] if name.endswith(PER_STYLE) else value
            for name, value in self.weights.items()
        }
        return replace(
            self,
            styles=(self.styles[place],),
            weights=weights,
            targets=(self.targets[place],),
        )

    def loss_through(self, vgg: VGG16, place: int = 0) -> StyleLoss:
        """Return the loss that trained it.

        Args:
            vgg: what it looks through.
            place: of the style.

        Raises:
            InputError: another VGG-16 than it was trained with.
        """
        if vgg.digest != self.vgg:
            raise InputError(
                f"style {self.styles[place]!r} was trained through another VGG-16; give that"
                " with --vgg, or the painting itself as --style"
            )
        return StyleLoss(vgg, self.targets[place], self.loss)


def read_model(path: Path) -> Model:
    """Read a network.

    Raises:
        InputError: what `sim.deadline.models.model_file.load` raises; an unknown size; no styles;
            a tensor missing, too many, or of another shape.
    """
    file = load(path, ARCHITECTURE)
    size, styles = file.config.get("size"), file.config.get("styles")
    if not isinstance(size, str) or size not in SIZES:
        raise InputError(f"{path}: config: size: {shown(size)}, want {' or '.join(SIZES)}")
    if not _are_names(styles):
        raise InputError(f"{path}: config: styles: {shown(styles)}, want names, each once")
    network = shapes(SIZES[size], len(styles))
    grams = {
        _gram_name(place, tap): (channels * (channels + 1) // 2,)
        for place in range(len(styles))
        for tap, (_, channels) in zip(TAPS, BLOCKS, strict=True)
    }
    file.check({**network, **grams})
    try:
        targets = tuple(
            Target(
                {tap: _whole(file.tensors[_gram_name(place, tap)]) for tap in TAPS},
                {tap: float(known["sizes"][tap]) for tap in TAPS},
                float(known["content_size"]),
            )
            for place, known in zip(range(len(styles)), file.config["targets"], strict=True)
        )
        loss = LossWeights(**{key: float(value) for key, value in file.config["loss"].items()})
        vgg = str(file.config["vgg"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(f"{path}: config: does not say what loss it was trained on") from None
    weights = {name: file.tensors[name] for name in network}
    in_8_bits = not file.in_8_bits.isdisjoint(weights)
    return Model(size, tuple(styles), weights, targets, loss, vgg, in_8_bits)


def mean_of(models: Sequence[Model]) -> Model:
    """Return the network whose weights are the mean of others'; the rest is as in the first.

    Of networks trained on from one and the same that is a network, and often one better than each
    of them (Wortsman et al. 2022, model soups); of others it is nothing.

    Raises:
        InputError: they are of several sizes, or of other styles.
    """
    first, *others = models
    for other in others:
        if (other.size, other.styles) != (first.size, first.styles):
            raise InputError(f"no mean of networks of {_styles(first)} and of {_styles(other)}")
    weights = {
        name: np.stack([model.weights[name] for model in models]).mean(axis=0)
        for name in first.weights
    }
    return replace(first, weights=weights, in_8_bits=all(model.in_8_bits for model in models))


def write_model(path: Path, model: Model) -> None:
    """Write a network; the file appears whole or not at all.

    All is kept in half precision but, where the model says so, convolutions, in 8 bits: of three
    networks that moved the losses by 2e-4 at most.

    Raises:
        InputError: it cannot be written, or a weight is too large for half precision.
    """
    arrays = dict(model.weights)
    for place, target in enumerate(model.targets):
        arrays |= {
            _gram_name(place, tap): gram[np.triu_indices(len(gram))]
            for tap, gram in target.grams.items()
        }
    convolutions = [name for name, value in arrays.items() if model.in_8_bits and value.ndim == 4]
    with np.errstate(over="ignore"):
        kept = {
            name: value if name in convolutions else value.astype(np.float16)
            for name, value in arrays.items()
        }
    if not all(np.isfinite(value).all() for value in kept.values()):
        raise InputError(f"{path}: a weight is not finite in half precision; it is not written")
    config: dict[str, Any] = {
        "size": model.size,
        "styles": list(model.styles),
        "targets": [
            {"sizes": dict(target.sizes), "content_size": target.content_size}
            for target in model.targets
        ],
        "loss": asdict(model.loss),
        "vgg": model.vgg,
    }
    save(path, ARCHITECTURE, config, kept, in_8_bits=convolutions)


def _styles(model: Model) -> str:
    return f"{', '.join(model.styles)} ({model.size})"


def _are_names(styles: object) -> TypeGuard[list[str]]:
    """Whether these are names of styles, each once: of a file, too, and so of no path."""
    if not isinstance(styles, list) or not styles or not all(isinstance(s, str) for s in styles):
        return False
    plain = all(s.isprintable() and s not in ("", "..") and Path(s).name == s for s in styles)
    return plain and len(set(styles)) == len(styles)


def _gram_name(place: int, tap: str) -> str:
    return f"target{place}.{tap}"


def _whole(upper: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the symmetric matrix of an upper triangle, row by row."""
    side = (math.isqrt(8 * len(upper) + 1) - 1) // 2
    gram = np.empty((side, side), dtype=np.float32)
    rows, columns = np.triu_indices(side)
    gram[rows, columns] = gram[columns, rows] = upper
    return gram


def shipped_styles() -> dict[str, tuple[str, ...]]:
    """Return the styles that come with the package, by name, with the sizes of their networks."""
    found: dict[str, tuple[str, ...]] = {}
    for size in SIZES:
        for path in sorted(WEIGHTS.glob(f"*_{size}.safetensors")):
            style = path.stem.rpartition("_")[0]
            found[style] = (*found.get(style, ()), size)
    return dict(sorted(found.items()))


def model_path(style: str, size: str | None = None) -> Path:
    """Return the file of a shipped style's network, or a path to any, as it is given.

    Args:
        style: a name, or a path that ends in ``.safetensors``.
        size: of a shipped one; the largest if not given.

    Raises:
        InputError: there is no such style, not in that size, or no such file.
    """
    if style.endswith(".safetensors"):
        path = Path(style)
        if not path.is_file():
            raise InputError(f"{path}: no such file; want a network, or the name of a style")
        return path
    if size is not None:
        _check_known("size", size, list(SIZES))
    shipped = shipped_styles()
    _check_known("style", style, list(shipped))
    chosen = size or shipped[style][-1]
    if chosen not in shipped[style]:
        raise InputError(f"style {style!r} is shipped in size {', '.join(shipped[style])} alone")
    return WEIGHTS / f"{style}_{chosen}.safetensors"


def models_named(names: Sequence[str]) -> dict[str, Model]:
    """Return networks of one style each, by a name of their own.

    Args:
        names: files, or shipped styles, each of which stands for its networks of all sizes.

    Raises:
        InputError: one cannot be had.
    """
    found: dict[str, Model] = {}
    for name in names:
        sizes = (None,) if name.endswith(".safetensors") else shipped_styles().get(name, (None,))
        for size in sizes:
            path = model_path(name, size)
            found[path.stem] = read_model(path).only()
    return found


def losses_of(path: Path) -> dict[str, float]:
    """Return what a shipped network's card says of its losses, part by part.

    Raises:
        InputError: its card cannot be read.
    """
    try:
        card = read_json(card_path(path))
        (losses,) = card["losses"]["styles"].values()
        return {part: float(value) for part, value in losses.items()}
    except (OSError, KeyError, ValueError, TypeError, AttributeError, OverflowError):
        raise InputError(f"{card_path(path)}: no card of one style") from None


def _check_known(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{what} {value!r} is not known{did_you_mean(value, known)}")
