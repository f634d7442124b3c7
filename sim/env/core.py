"""N independent environments as arrays: what all faces of the environment are made of.

N is one for a single environment. Every environment goes its own way: what it does depends on its
own seed and actions alone, to the bit, whatever stands beside it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.env.actions import first_fault, set_powers
from sim.env.episode import Episode
from sim.env.errors import InvalidActionError
from sim.env.jobs import INITIAL, MET, Flags, Jobs
from sim.env.observation import Float32Array, IntArray
from sim.env.reference import Reference
from sim.env.settings import Settings
from sim.problem import FloatArray, PowerControlProblem, evaluate_arrays

_WINDOWS_BYTES = 64 << 20  # of all environments together, unless one slot of each takes more
_LONGEST_WINDOW = 64  # what the channels themselves draw at a time


class Core:
    """N environments.

    Args:
        settings: theirs.
        size: N.
        batched: whether actions are told apart by environment in messages.

    Attributes:
        settings: theirs.
        slot: which slot each is in, ``(N,)``.
        running: whether it is in an episode that has not ended, ``(N,)``.
        over: whether its episode has ended, ``(N,)``.
        power_w: powers in force, ``(N, S, K)``; where there are no deadlines, the last chosen.
        link_rate: rate of each link in the slot rated last, bit/s/Hz, ``(N, K)``.
        sum_rate: weighted sum rate in that slot, ``(N,)``.
        reference_rate: that of the reference there, ``(N,)``; zero if there is none.
        episodes: what is drawn for each.
    """

    def __init__(self, settings: Settings, size: int, batched: bool = True) -> None:
        self.settings = settings
        self._batched = batched
        shape = settings.subbands, settings.links
        slot_bytes = 8 * size * settings.subbands * settings.links**2
        window = int(np.clip(_WINDOWS_BYTES // slot_bytes, 1, _LONGEST_WINDOW))
        self.slot: IntArray = np.zeros(size, np.int64)
        self.running: Flags = np.zeros(size, np.bool_)
        self.over: Flags = np.zeros(size, np.bool_)
        self.power_w: FloatArray = np.zeros((size, *shape))
        self.link_rate: FloatArray = np.zeros((size, settings.links))
        self.sum_rate: FloatArray = np.zeros(size)
        self.reference_rate: FloatArray = np.zeros(size)
        self.episodes: list[Episode | None] = [None] * size
        self._gain: FloatArray = np.ones((size, window, *shape, settings.links))
        self._at: IntArray = np.zeros(size, np.int64)  # which slot of its window each is in
        self._references: list[Reference | None] = [None] * size
        self._reference_here: FloatArray = np.zeros(size)  # in the current slot, rated or not
        self._jobs: Jobs | None = None
        if settings.deadlines is not None:
            self._jobs = Jobs(settings.deadlines, size, shape)
            self._cost_ns: IntArray = np.zeros((size, 2, window), np.int64)
            self._asked_w: FloatArray = np.zeros((size, *shape))
        self._outcome = np.full(size, INITIAL, np.int8)
        self._csi_age: IntArray = np.full(size, -1)
        self._backlog: IntArray = np.zeros(size, np.int64)

    @property
    def size(self) -> int:
        """N."""
        return len(self.slot)

    @property
    def outcome(self) -> NDArray[np.int8]:
        """How the job due in the slot rated last ended: places in `OUTCOMES`, ``(N,)``."""
        return self._outcome if self._jobs is None else self._jobs.outcome

    @property
    def reward(self) -> FloatArray:
        """What the last step was worth, bit/s/Hz, ``(N,)``."""
        return self.sum_rate - self.reference_rate if self.settings.loss else self.sum_rate.copy()

    @property
    def gains(self) -> FloatArray:
        """Linear power gains of the slots drawn, ``(N, slots, S, K, K)``; not to be kept."""
        return self._gain

    @property
    def at(self) -> IntArray:
        """Which of these slots each environment is in, ``(N,)``."""
        return self._at

    def gain(self, index: int) -> FloatArray:
        """Return the linear power gains of an environment's current slot, ``(S, K, K)``; a view."""
        found: FloatArray = self._gain[index, self._at[index]]
        return found

    def problem(self, index: int) -> PowerControlProblem:
        """Return the problem of an environment's current slot, in memory of its own."""
        known = self.settings
        return PowerControlProblem.trusted(
            self.gain(index).copy(), known.noise_w.copy(), known.p_max_w.copy(), known.weight.copy()
        )

    def start(self, index: int, seed: int) -> None:
        """Start an episode.

        Args:
            index: whose.
            seed: of the episode.
        """
        self.episodes[index] = Episode(self.settings, seed)
        self.running[index], self.over[index] = True, False
        self.slot[index] = 0
        self._fill(index)
        self.power_w[index] = self.settings.p_max_w
        self._outcome[index], self._csi_age[index] = INITIAL, -1
        if self._jobs is not None:
            self._jobs.restart(index)
        only = np.zeros(self.size, np.bool_)
        only[index] = True
        self._rate(only)
        if self.settings.reference is not None:
            self._references[index] = self.settings.reference.start(seed)
            self._refer(only)
            self.reference_rate[index] = self._reference_here[index]

    def step(self, action: FloatArray, active: Flags) -> None:
        """Go from each environment's slot to the next.

        Args:
            action: ``(N, S K)``.
            active: which environments go, all of them running; the others stay as they are.

        Raises:
            InvalidActionError: one is not within -1..1; nothing has happened then.
        """
        fault = first_fault(action, active)
        if fault >= 0:
            place = divmod(fault, action.shape[1]) if self._batched else (fault,)
            where = ", ".join(map(str, place))
            value = action.reshape(-1)[fault]
            raise InvalidActionError(f"action[{where}]: {value:g}, want a number from -1 to 1")
        known = self.settings
        asked_w = self.power_w if self._jobs is None else self._asked_w
        set_powers(active, action, known.p_max_w, known.scale.range_db, asked_w)
        if self._jobs is None:
            self._rate(active)
            if known.reference is not None:
                self.reference_rate[active] = self._reference_here[active]
            self._advance(active)
        else:
            self._jobs.release(active, self.slot, asked_w, self._cost_ns, self._at)
            self._advance(active)
            self._jobs.serve(active, self.slot, self.power_w)
            self._rate(active)
        if known.reference is not None:
            self._refer(active)
            if self._jobs is not None:
                self.reference_rate[active] = self._reference_here[active]

    def observe(self) -> Float32Array:
        """Return what every environment's agent sees of its slot, in memory of its own."""
        jobs = self._jobs
        return self.settings.layout.observe(
            self._gain,
            self._at,
            self.power_w,
            self._csi_age if jobs is None else jobs.csi_age,
            self._backlog if jobs is None else jobs.backlog,
            self.settings.lead,
        )

    def _rate(self, active: Flags) -> None:
        known = self.settings
        _rate(
            active, self._gain, self._at, known.noise_w, known.weight, self.power_w,
            self.link_rate, self.sum_rate,
        )  # fmt: skip

    def _advance(self, active: Flags) -> None:
        """Enter the next slots, and draw those that are not there yet."""
        if self._jobs is None:
            self._outcome[active], self._csi_age[active] = MET, 1
        if _advance(active, self.settings.steps, self.slot, self._at, self.running, self.over,
                    self._gain.shape[1]):  # fmt: skip
            for index in np.flatnonzero(active & (self._at == self._gain.shape[1])):
                self._fill(int(index))

    def _fill(self, index: int) -> None:
        """Draw an environment's next window, which begins with its slot."""
        episode = self.episodes[index]
        assert episode is not None
        slots = min(self._gain.shape[1], self.settings.steps + 1 - int(self.slot[index]))
        self._gain[index, :slots] = episode.gains(slots)
        if self._jobs is not None:
            self._cost_ns[index, :, :slots] = episode.services_ns(slots)
        self._at[index] = 0

    def _refer(self, active: Flags) -> None:
        for index in np.flatnonzero(active):
            reference = self._references[index]
            assert reference is not None
            self._reference_here[index] = reference.rate(self.gain(int(index)))


@njit(cache=True)
def _rate(
    active: Flags,
    gain: FloatArray,
    at: IntArray,
    noise_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    link_rate: FloatArray,
    sum_rate: FloatArray,
) -> None:
    for i in range(len(active)):
        if active[i]:
            sum_rate[i] = evaluate_arrays(gain[i, at[i]], noise_w, weight, power_w[i], link_rate[i])


@njit(cache=True)
def _advance(
    active: Flags,
    steps: int,
    slot: IntArray,
    at: IntArray,
    running: Flags,
    over: Flags,
    window: int,
) -> bool:
    """Return whether the window of some environment has come to its end."""
    ended = False
    for i in range(len(active)):
        if active[i]:
            slot[i] += 1
            at[i] += 1
            ended |= at[i] == window
            if slot[i] == steps:
                running[i] = False
                over[i] = True
    return ended
