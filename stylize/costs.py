"""What a frame costs each contestant, measured once, to be replayed: `--latency FILE`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim.deadline.call import attempt
from sim.deadline.cost import CHANCES, Calibrated, Cost, fit_cost
from sim.deadline.errors import InputError
from sim.deadline.latency import LONGEST_NS, Constant, LatencyModel
from sim.deadline.manifest import machine, write_json
from sim.deadline.reading import read_json
from sim.deadline.solver import Solver
from stylize.pictures import Picture
from stylize.solvers import Painted


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs, of frames of one size.

    Attributes:
        height: of the frames.
        width: of the frames.
        threads: that everyone had.
        by_name: a contestant's cost.
    """

    height: int
    width: int
    threads: int
    by_name: Mapping[str, Cost]

    def latency(self, name: str, frame: Picture, rng: np.random.Generator) -> Calibrated:
        """Return the latency of a contestant over frames such as this one.

        Raises:
            InputError: it was not measured, or over frames of another size.
        """
        if (self.height, self.width) != frame.shape[1:]:
            raise InputError(
                f"--latency: measured over frames of {self.width} x {self.height}, but these are"
                f" {frame.shape[2]} x {frame.shape[1]}"
            )
        if name not in self.by_name:
            raise InputError(
                f"--latency: {name} was not measured; measured: {', '.join(self.by_name)}"
            )
        cost = self.by_name[name]
        return Calibrated(lambda _: cost, rng)


def latencies(
    text: str, names: Sequence[str], frame: Picture, seed: int
) -> dict[str, LatencyModel | None]:
    """Return what ``--latency`` says, for each contestant.

    Args:
        text: ``measured``, a number of ms, or a file of costs.
        names: of the contestants.
        frame: one of the frames.
        seed: of the jitter.

    Raises:
        InputError: it is none of these.
    """
    if text == "measured":
        return dict.fromkeys(names)
    try:
        time_ms = float(text)
    except ValueError:
        costs = read_costs(Path(text))
        return {
            # The same chances for everyone: all meet the same jitter.
            name: costs.latency(name, frame, np.random.default_rng(seed))
            for name in names
        }
    if not 0.0 < time_ms < LONGEST_NS / 1e6:
        raise InputError(f"--latency: {text} ms, want a positive number, at most a day")
    return {name: Constant(time_ms * 1e6) for name in names}


def measure(
    solver: Solver[Picture, Painted],
    frames: Sequence[Picture],
    calls: int,
    advance: Callable[[int, str], None],
) -> Cost:
    """Return what a prepared solver's calls cost, over frames in turn.

    Raises:
        InputError: a call failed.
    """
    times, work = [], []
    for call in range(calls + 1):
        found = attempt(solver, frames[call % len(frames)])
        if found.reason is not None:
            raise InputError(f"calibration: a call failed: {found.reason}")
        if call:  # the first one warms up
            times.append(found.elapsed_ns)
            work.append(found.work)
            advance(1, "")
    return fit_cost(np.array(times), np.array(work))


def write_costs(path: Path, costs: Costs) -> None:
    """Write costs as JSON, with the machine that they were measured on.

    Raises:
        InputError: the file cannot be written.
    """
    text = {
        "height": costs.height,
        "width": costs.width,
        "threads": costs.threads,
        "machine": machine(),
        "costs": {
            name: {**asdict(cost), "jitter": cost.jitter.tolist()}
            for name, cost in costs.by_name.items()
        },
    }
    try:
        write_json(path, text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def read_costs(path: Path) -> Costs:
    """Read costs.

    Raises:
        InputError: no such file, or it holds something else.
    """
    try:
        known = read_json(path)
        found = {name: _cost(**fields) for name, fields in known["costs"].items()}
        return Costs(int(known["height"]), int(known["width"]), int(known["threads"]), found)
    except OSError as error:
        raise InputError(
            f"--latency: {path}: {error.strerror}; want measured, milliseconds, or a file from"
            " ttirace stylize calibrate"
        ) from None
    except InputError as error:
        raise InputError(f"--latency: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise InputError(f"--latency: {path}: holds no costs of frames") from None


def _cost(*, jitter: Any, **times: Any) -> Cost:
    shape = np.asarray(jitter, dtype=np.float64)
    numbers = {name: float(value) for name, value in times.items()}
    if shape.shape != CHANCES.shape or not np.isfinite(shape).all() or (np.diff(shape) < 0).any():
        raise ValueError("jitter")
    if not all(0.0 <= value <= LONGEST_NS for value in numbers.values()):
        raise ValueError("times")
    return Cost(jitter=shape, **numbers)
