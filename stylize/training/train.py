"""The training itself: steps, validation and a checkpoint every interval."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.deadline.errors import InputError
from sim.deadline.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from sim.deadline.models.training import check_skipped
from stylize.loss import StyleLoss, Target
from stylize.model_file import Model
from stylize.network import MULTIPLE
from stylize.pictures import Picture
from stylize.training.border import banding
from stylize.training.learner import Learner
from stylize.training.photos import Photos, centre, crop
from stylize.training.settings import TrainSettings

if TYPE_CHECKING:
    from stylize.vgg import VGG16

#: Side of the pictures that are validated on.
VALIDATION_PX = 256

#: Of the held-out photographs, how many an interval is validated on; the end is on all of them.
_FEW = 6


@dataclass(frozen=True, slots=True)
class Report:
    """What one interval came to.

    Attributes:
        step: steps done by its end.
        loss: mean over its steps, of crops.
        validation: mean loss of held-out photographs, by style.
        learning_rate: of its last step.
        skipped: steps without a finite gradient so far.
        seconds: spent in training so far, interruptions not counted.
    """

    step: int
    loss: float
    validation: dict[str, float]
    learning_rate: float
    skipped: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network and what it is worth.

    Attributes:
        model: the network.
        history: its intervals.
        worth: by style, the mean content, style, variation and total loss of all photographs held
            out, at `VALIDATION_PX`.
    """

    model: Model
    history: Sequence[Report]
    worth: Mapping[str, Mapping[str, float]]


def train(
    styles: Mapping[str, Picture],
    photos: Photos,
    vgg: VGG16,
    settings: TrainSettings,
    checkpoint: Path,
    start: Model | None = None,
    observers: Sequence[Callable[[Report], None]] = (),
    advance: Callable[[int, str], None] | None = None,
) -> Trained:
    """Train a network on one style, or one trunk on several.

    Args:
        styles: paintings by name, at the size that the network is to see them.
        photos: what is drawn from, and what is held out.
        vgg: what the loss looks through.
        settings: the rest.
        checkpoint: written after every interval, and gone on from if it exists: to the same end,
            with one thread to the bit.
        start: a network to begin with.
        observers: each told about every interval.
        advance: told about every step, with its loss as text.

    Raises:
        InputError: ``start`` is of another size, or missing where its convolutions are kept; the
            checkpoint is damaged, of another training, or cannot be written; losses or gradients
            are not finite.
    """
    import torch

    torch.set_num_threads(settings.threads)
    if start is not None and start.size != settings.size:
        raise InputError(f"--start: a network of size {start.size!r}, want {settings.size!r}")
    if start is None and settings.keep_convolutions:
        raise InputError("--keep-convolutions: of what network? want --start too")
    learner = Learner(settings.size, styles, settings.seed, start, settings.keep_convolutions)
    targets = tuple(Target.of(vgg, picture) for picture in styles.values())
    losses = [StyleLoss(vgg, target, settings.loss) for target in targets]
    identity = {
        **asdict(settings),
        "stages": list(settings.stages),
        # By what was seen of them: another painting of that name is another training.
        "styles": {name: target.content_size for name, target in zip(styles, targets, strict=True)},
        "photographs": [len(photos.train), len(photos.held_out)],
        "start": None if start is None else start.digest,
        "vgg": vgg.digest,
    }
    history, seconds, skipped = _go_on(learner, checkpoint, settings, identity)
    step = history[-1].step if history else 0
    if advance is not None:
        advance(step, "")
    while step < settings.steps:
        began, values = time.perf_counter(), []
        end = min(settings.steps, step - step % settings.interval + settings.interval)
        rate = 0.0
        while step < end:
            rate = settings.learning_rate_at(step)
            value, taken = _step(learner, losses, photos, settings, step, rate)
            step += 1
            if settings.averaged_before(step):
                learner.average()
            values.append(value)
            if not taken:
                skipped += 1
                check_skipped(skipped, step, "a lower --learning-rate")
            if advance is not None:
                advance(1, f"loss {value:.3f}")
        seconds += time.perf_counter() - began
        few = worth(learner, losses, photos, _FEW)
        validation = {name: terms["total"] for name, terms in few.items()}
        loss = float(np.mean(values))
        history.append(Report(step, loss, validation, rate, skipped, round(seconds, 3)))
        progress = {"history": [asdict(report) for report in history]}
        write_checkpoint(checkpoint, Checkpoint(identity, progress, learner.arrays()))
        for observe in observers:
            observe(history[-1])
    # Kept convolutions are also kept in the precision that they were read in.
    in_8_bits = start is None or not settings.keep_convolutions or start.in_8_bits
    model = Model(
        settings.size,
        learner.styles,
        learner.weights(),
        targets,
        settings.loss,
        vgg.digest,
        in_8_bits,
    )
    return Trained(model, history, worth(learner, losses, photos))


def worth(
    learner: Learner, losses: Sequence[StyleLoss], photos: Photos, most: int | None = None
) -> dict[str, dict[str, float]]:
    """Return the mean loss of held-out photographs, part by part, by style.

    Args:
        learner: the network.
        losses: of each of its styles.
        photos: where the photographs are.
        most: only so many of them.
    """
    import torch

    found: dict[str, dict[str, float]] = {}
    pictures = [torch.from_numpy(centre(photo, VALIDATION_PX)) for photo in photos.held_out[:most]]
    with torch.no_grad():
        for place, (name, loss) in enumerate(zip(learner.styles, losses, strict=True)):
            terms = [
                loss(learner.outcome(picture[None], place), loss.content_of(picture[None]))
                for picture in pictures
            ]
            found[name] = {
                part: float(torch.cat([getattr(one, part) for one in terms]).mean())
                for part in ("content", "style", "variation", "total")
            }
    return found


def _step(
    learner: Learner,
    losses: Sequence[StyleLoss],
    photos: Photos,
    settings: TrainSettings,
    step: int,
    rate: float,
) -> tuple[float, bool]:
    """Take a step; return its loss, and whether it was taken."""
    import torch

    # Drawn from the number of the step: a training that goes on sees what it would have seen.
    rng = np.random.default_rng([settings.seed, step])
    stage = settings.stage_at(step)
    learner.forget()
    total = 0.0
    for _ in range(stage.batch):
        style = int(rng.integers(len(losses)))
        photo = photos.train[int(rng.integers(len(photos.train)))]
        margin = MULTIPLE * math.ceil(settings.margin * stage.px / MULTIPLE)
        picture = torch.from_numpy(crop(photo, stage.px + margin, rng))[None]
        loss = losses[style]
        top, left = (2 * rng.integers(1 << 16, size=2)).tolist()
        # By whole multiples: what is drawn of the part alone has the same grid.
        down, right = (MULTIPLE * rng.integers(margin // MULTIPLE + 1, size=2)).tolist()
        seen = (..., slice(down, down + stage.px), slice(right, right + stage.px))
        part = picture[seen]
        with torch.set_grad_enabled(not settings.border):
            drawn = within = learner(picture, style, top, left)[seen]
        if settings.border:
            drawn = learner(part, style, top + down, left + right)
        value = loss(drawn, loss.content_of(part)).total.sum()
        total += float(value.detach()) / stage.batch
        if settings.border:
            value = value + settings.border * banding(drawn, within)
        (value / stage.batch).backward()  # type: ignore[no-untyped-call]
    norm = learner.move(rate, settings.clip)
    return total, bool(np.isfinite(norm))


def _go_on(
    learner: Learner, path: Path, settings: TrainSettings, identity: dict[str, Any]
) -> tuple[list[Report], float, int]:
    """Go on from a checkpoint, if there is one; return what is behind it."""
    done = read_checkpoint(path, identity)
    if done is None:
        return [], 0.0, 0
    try:
        history = [Report(**report) for report in done.progress["history"]]
        learner.restore(done.arrays, settings.averaged_before(history[-1].step))
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise InputError(
            f"{path}: does not fit the network, which has changed since; delete it to begin anew"
        ) from None
    last = history[-1]
    return history, last.seconds, last.skipped
