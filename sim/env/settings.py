"""What an environment is made of, checked once and the same for every episode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sim.channel import TraceChannel
from sim.channel.trace_file import TraceFile
from sim.deadline import InputError
from sim.deadline.errors import shown
from sim.env.actions import PowerScale
from sim.env.checks import whole_number
from sim.env.deadlines import Deadlines
from sim.env.given import given_scenario
from sim.env.observation import Layout
from sim.env.reference import ReferenceAllocator
from sim.problem import FloatArray
from sim.scenario import Controller, Scenario
from sim.scenario.channels import TraceChannel as TraceModel
from sim.seeding import stream

REWARDS = ("sum_rate", "loss")

#: What a user can give besides the scenario.
ARGUMENTS = (
    "episode_slots", "latency", "observe", "power_scale", "min_power_db", "reward", "reference",
)  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """A recorded channel, whole.

    Attributes:
        gain: linear power gain, ``(samples, S, K, K)``.
        rx_m: receivers' positions in metres, if it has them.
        tx_m: transmitters' positions, likewise.
    """

    gain: FloatArray
    rx_m: FloatArray | None
    tx_m: FloatArray | None


@dataclass(frozen=True)
class Settings:
    """All that the faces of an environment share.

    Attributes:
        scenario: the scenario.
        folder: what its paths are relative to.
        timing: slots and budget of its one controller.
        steps: steps of an episode.
        deadlines: when answers come; None: at once.
        layout: what an agent sees.
        scale: what its actions mean.
        loss: whether the reward is what is lost to the reference, not the sum rate itself.
        reference: the allocator whose rates stand beside the agent's, if there is one.
        noise_w: ``(S, K)``.
        p_max_w: ``(S, K)``.
        weight: ``(K,)``.
        trace: the recorded channel, if it is one.
    """

    scenario: Scenario
    folder: Path
    timing: Controller
    steps: int
    deadlines: Deadlines | None
    layout: Layout
    scale: PowerScale
    loss: bool
    reference: ReferenceAllocator | None
    noise_w: FloatArray
    p_max_w: FloatArray
    weight: FloatArray
    trace: Trace | None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nobody changes it

    @property
    def links(self) -> int:
        """Number of links, K."""
        return int(self.noise_w.shape[1])

    @property
    def subbands(self) -> int:
        """Number of subbands, S."""
        return int(self.noise_w.shape[0])

    @property
    def lead(self) -> int:
        """Slots from CSI to use; one where there are no deadlines."""
        return 1 if self.deadlines is None else self.timing.budget.lead

    @property
    def rated_slots(self) -> int:
        """Slots whose channel an episode cannot do without: those that rates are of."""
        return self.steps if self.deadlines is None else self.steps + 1

    @classmethod
    def of(
        cls,
        scenario: Any = None,
        *,
        episode_slots: int | None = None,
        latency: Any = None,
        observe: Iterable[str] = ("gains", "power"),
        power_scale: str = "linear",
        min_power_db: float = -30.0,
        reward: str = "sum_rate",
        reference: str | None = None,
    ) -> Settings:
        """Return settings as a user gives them; see `sim.env.PowerControlEnv`.

        Raises:
            InputError: whatever does not fit.
        """
        loaded, folder = given_scenario(scenario)
        timing = loaded.controller(0)
        steps = timing.slots if episode_slots is None else episode_slots
        steps = whole_number("episode_slots", steps, 1)
        if not isinstance(reward, str) or reward not in REWARDS:
            raise InputError(f"reward: {shown(reward)}, want one of {', '.join(REWARDS)}")
        if reward == "loss" and reference is None:
            raise InputError("reward: 'loss' is against a reference; want one, as in 'wmmse'")
        deadlines = None if latency is None else Deadlines.of(latency, loaded)
        scale = PowerScale.of(power_scale, min_power_db)
        needed = steps if deadlines is None else steps + 1
        if isinstance(loaded.channel, TraceModel):
            path = folder / loaded.channel.path
            samples = _samples(path, steps, needed)
            channel = TraceChannel(path, slot_s=timing.slot_ns * 1e-9, slots=samples)
            trace = Trace(channel.block(samples), channel.rx_m, channel.tx_m)
            arrays = loaded.radio.arrays(channel.links, channel.subbands, channel)
            channel.close()
        else:
            rng = stream(loaded.seed, "channel", timing.number)
            drawn = loaded.channel.build(timing.slot_ns, needed, folder, rng)
            trace, arrays = None, loaded.radio.arrays(drawn.links, drawn.subbands)
        noise_w, p_max_w, weight = arrays
        if deadlines is not None:
            deadlines.check(noise_w.shape[1], noise_w.shape[0], folder)
        return cls(
            scenario=loaded,
            folder=folder,
            timing=timing,
            steps=steps,
            deadlines=deadlines,
            layout=Layout.of(observe, noise_w, p_max_w),
            scale=scale,
            loss=reward == "loss",
            reference=None
            if reference is None
            else ReferenceAllocator.of(reference, folder, noise_w, p_max_w, weight),
            noise_w=noise_w,
            p_max_w=p_max_w,
            weight=weight,
            trace=trace,
        )


def _samples(path: Path, steps: int, needed: int) -> int:
    """Return how many samples a trace has, if that is enough for an episode."""
    with TraceFile(path) as file:
        samples = file.slots
    if samples < needed:
        beside = "" if needed == steps else ", as the last answer serves in the slot after"
        most = samples - (needed - steps)
        want = f"episode_slots of {most} or fewer" if most else "a longer recording"
        raise InputError(
            f"{path}: has {samples} slots, and an episode of {steps} needs {needed}{beside}; want "
            f"{want}"
        )
    return samples
