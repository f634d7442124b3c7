"""What there is to be seen of an environment, for whoever draws it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from sim.env.core import Core
from sim.env.jobs import INITIAL, OUTCOMES
from sim.problem import FloatArray

_HISTORY_SLOTS = 200


@dataclass(frozen=True)
class Scene:
    """A slot as it was rated.

    Attributes:
        slot: which.
        gain: linear power gain, ``(S, K, K)``.
        power_w: powers in force, ``(S, K)``.
        p_max_w: their caps, ``(S, K)``.
        noise_w: ``(S, K)``.
        link_rate_bps_hz: rate of each link, ``(K,)``.
        sum_rate_bps_hz: weighted sum rate.
        reference_bps_hz: that of the reference; None if there is none.
        outcome: how the job due in it ended, or ``initial``.
        rx_m: receivers' positions, ``(K, 2)``; made up if the channel has none.
        tx_m: transmitters' positions, likewise.
        placed: whether the positions are the channel's own, in metres.
        history_bps_hz: sum rates up to this slot, the oldest first, at most the last 200.
        history_reference_bps_hz: the reference's sum rates in the same slots; None if there is
            none.
        history_outcome: their outcomes.
    """

    slot: int
    gain: FloatArray
    power_w: FloatArray
    p_max_w: FloatArray
    noise_w: FloatArray
    link_rate_bps_hz: FloatArray
    sum_rate_bps_hz: float
    reference_bps_hz: float | None
    outcome: str
    rx_m: FloatArray
    tx_m: FloatArray
    placed: bool
    history_bps_hz: FloatArray
    history_reference_bps_hz: FloatArray | None
    history_outcome: tuple[str, ...]


class Watcher:
    """Looks at one environment of a core before and after each step, and keeps what it saw.

    Args:
        core: whose.
        index: which of its environments.
    """

    def __init__(self, core: Core, index: int = 0) -> None:
        self._core = core
        self._index = index
        self._gain: FloatArray = core.gain(index).copy()
        self._slot = 0
        self._past: deque[tuple[float, float, str]] = deque(maxlen=_HISTORY_SLOTS)

    def begin(self) -> None:
        """Look at the start of an episode."""
        self._past.clear()
        self.before()

    def before(self) -> None:
        """Look before a step."""
        self._gain = self._core.gain(self._index).copy()
        self._slot = int(self._core.slot[self._index])

    def after(self) -> None:
        """Look after a step."""
        core, index = self._core, self._index
        if core.settings.deadlines is not None:  # the slot entered is the one that was rated
            self.before()
        outcome = OUTCOMES[core.outcome[index]]
        rates = float(core.sum_rate[index]), float(core.reference_rate[index])
        self._past.append((*rates, outcome))

    def scene(self) -> Scene:
        """Return what was seen last; at the start of an episode, all at full power."""
        core, index = self._core, self._index
        known, episode = core.settings, core.episodes[index]
        assert episode is not None
        rx_m, tx_m = episode.rx_m, episode.tx_m
        placed = rx_m is not None and tx_m is not None
        if rx_m is None or tx_m is None:
            rx_m, tx_m = _circle(known.links)
        rates = np.array([past[:2] for past in self._past]).reshape(-1, 2)
        return Scene(
            slot=self._slot,
            gain=self._gain,
            power_w=core.power_w[index].copy(),
            p_max_w=known.p_max_w.copy(),
            noise_w=known.noise_w.copy(),
            link_rate_bps_hz=core.link_rate[index].copy(),
            sum_rate_bps_hz=float(core.sum_rate[index]),
            reference_bps_hz=None if known.reference is None else float(core.reference_rate[index]),
            outcome=self._past[-1][-1] if self._past else OUTCOMES[INITIAL],
            rx_m=np.array(rx_m[:, :2]),
            tx_m=np.array(tx_m[:, :2]),
            placed=placed,
            history_bps_hz=rates[:, 0],
            history_reference_bps_hz=None if known.reference is None else rates[:, 1],
            history_outcome=tuple(outcome for *_, outcome in self._past),
        )


def _circle(links: int) -> tuple[FloatArray, FloatArray]:
    """Return receivers on a circle and transmitters on a smaller one, side by side."""
    angle = np.arange(links) * (2.0 * np.pi / links)
    outer = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    return outer, 0.6 * outer
