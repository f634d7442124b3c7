"""What `--style` names: a shipped style, a network's file, or a painting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sim.deadline.errors import InputError, check_range, did_you_mean
from stylize.loss import StyleLoss, Target
from stylize.model_file import Model, model_path, read_model, shipped_styles
from stylize.pictures import Picture, read_picture, resized
from stylize.vgg import VGG16

#: Shorter side that a painting is scaled to, unless something else is wanted.
STYLE_PX = 256

#: Of a smaller painting, VGG-16 has nothing to see in its deepest layers.
LEAST_STYLE_PX = 32


@dataclass(frozen=True, slots=True)
class Style:
    """A style: a network that was trained for it, or a painting, for which there is none.

    Attributes:
        name: of the style.
        model: the network.
        painting: ``(3, H, W)``, from 0 to 1.
    """

    name: str
    model: Model | None = None
    painting: Picture | None = None

    @classmethod
    def named(cls, text: str, size: str | None = None, style_px: int = STYLE_PX) -> Style:
        """Return what a text names.

        Args:
            text: a shipped style; a network, ``.safetensors``; or any picture.
            size: of the network; of a shipped style the largest if not given.
            style_px: shorter side that a painting is scaled to.

        Raises:
            InputError: it is none of these, or cannot be read.
        """
        if text.endswith(".safetensors") or text in shipped_styles():
            model = read_model(model_path(text, size))
            if len(model.styles) > 1:
                raise InputError(
                    f"--style: {text}: holds {len(model.styles)} styles; make a network of each"
                    " with: ttirace stylize split"
                )
            if size is not None and model.size != size:
                raise InputError(f"--style: {text}: a network of size {model.size}, not {size}")
            return cls(model.styles[0], model)
        path = Path(text)
        if not path.exists():
            raise InputError(
                f"--style: {text!r} is no style that is shipped and no file"
                f"{did_you_mean(text, shipped_styles())}"
            )
        if size is not None:
            raise InputError(f"--network: {text} is a painting, for which there is no network")
        check_range("--style-px", style_px, LEAST_STYLE_PX)
        return cls(path.stem, painting=resized(read_picture(path), style_px))

    @staticmethod
    def sizes(text: str) -> tuple[str, ...]:
        """Return the sizes in which there is a network for what a text names.

        Raises:
            InputError: it names a network that cannot be read.
        """
        if text.endswith(".safetensors"):
            return (read_model(model_path(text)).size,)
        return shipped_styles().get(text, ())

    def trained(self) -> Model:
        """Return its network.

        Raises:
            InputError: it is a painting.
        """
        if self.model is None:
            raise InputError(
                f"--style: {self.name}: no network was trained for this painting; optimise it with"
                " `ttirace stylize image --solver gatys`, or train one with `ttirace stylize train`"
            )
        return self.model

    def loss(self, vgg: VGG16) -> StyleLoss:
        """Return the loss: of a network, the one that it was trained on.

        Raises:
            InputError: a network that was trained through another VGG-16.
        """
        if self.model is not None:
            return self.model.loss_through(vgg)
        assert self.painting is not None
        return StyleLoss(vgg, Target.of(vgg, self.painting))
