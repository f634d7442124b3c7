"""The scenario, as frozen models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from sim.deadline import OnOverrun
from sim.deadline.errors import shown
from sim.scenario.allocators import AllocatorModel, MissPolicy, OnMissModel, names
from sim.scenario.channels import ChannelModel
from sim.scenario.latency import (
    ConstantLatency,
    Latency,
    MeasuredLatency,
    ReleaseJitter,
    Time,
)
from sim.scenario.quantities import TIME, QuantityModel
from sim.scenario.radio import RadioModel
from sim.scenario.shorthand import Also

#: A 1 ms subframe holds 2^mu slots (3GPP TS 38.211, clause 4.3.2); mu = 6 is the last.
SUBFRAME_NS = 1_000_000

_MOST_CONTROLLERS = 1000

#: The end of a race, in ns: 36 years, far inside 64 bits.
_LATEST_NS = 1 << 60


Numerology = Annotated[int, Field(ge=0, le=6, description="slot = 1 ms / 2^numerology")]
SlotLength = Annotated[
    int | None,
    TIME,
    Field(gt=0, description="slot length, where numerology does not give it"),
]


class BudgetModel(QuantityModel):
    """The latency budget: what the lead leaves after the other items is for computing."""

    lead: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1, description="slots from CSI to use: the answer to slot n serves slot n + lead"
    )
    csi_ns: Time = Field(0, description="CSI measurement and report")
    fronthaul_ns: Time = Field(0, description="transport to the compute pool")
    control_ns: Time = Field(0, description="from the answer to the transmitters")
    compute_ns: Annotated[
        int | None,
        TIME,
        Field(gt=0, description="no more than this to compute, though the lead leaves more"),
    ] = None


class ComputeModel(QuantityModel):
    """The compute pool."""

    servers: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1, description="cores; each serves one call at a time"
    )
    discipline: Literal["fifo", "edf", "priority"] = Field(
        "fifo", description="who is served next: the first, the most urgent, the most important"
    )
    preemptive: Annotated[bool, Field(strict=True)] = Field(
        False, description="a more urgent or more important job takes the server of a running one"
    )
    batch: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="how many controllers' waiting jobs one call serves at most"
    )
    latency: Latency = Field(MeasuredLatency(), description="what a solve costs in simulated time")
    speed: Annotated[float, Field(ge=1e-6, le=1e6)] = Field(
        1.0, description="how many times faster than this machine (or than the latency given)"
    )
    release_jitter: ReleaseJitter | None = Field(
        None, description="from the moment a server takes a job to its start; not scaled by speed"
    )

    @model_validator(mode="after")
    def _compatible(self) -> ComputeModel:
        if self.preemptive and self.batch > 1:
            raise ValueError(
                f"preemptive and batch {self.batch} exclude each other, as a call that several "
                "jobs share cannot stop for one of them; keep one"
            )
        jitter = self.release_jitter
        if isinstance(jitter, ConstantLatency) and jitter.per_work_ns:
            raise ValueError("release_jitter: no work is done in it; take its per_work out")
        return self


class ControllerModel(QuantityModel):
    """One controller: its own links, its own slots, a share of the compute pool."""

    name: str = Field("", description="in log and tables; its number if not given")
    offset_ns: Time = Field(0, description="when its first slot starts")
    numerology: Numerology | None = Field(None, description="instead of the scenario's slot")
    slot_ns: SlotLength = None
    budget: BudgetModel | None = Field(None, description="instead of the scenario's budget")
    priority: int = Field(0, description="under discipline: priority, the smallest goes first")
    count: Annotated[int, Field(ge=1, le=_MOST_CONTROLLERS)] = Field(
        1, description="so many alike; their names are numbered"
    )


def _how_many(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("want a list, or how many alike")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [{} for _ in range(int(min(value, _MOST_CONTROLLERS + 1)))]
    return value


def _each(entries: list[ControllerModel]) -> list[ControllerModel]:
    """Return every controller by itself: those of an entry with a count are numbered."""
    found = []
    for entry in entries:
        alone = entry.model_copy(update={"count": 1})
        names = [f"{entry.name}-{n}" if entry.name else "" for n in range(entry.count)]
        names = [entry.name] if entry.count == 1 else names
        found += [alone.model_copy(update={"name": name}) for name in names]
    if len(found) > _MOST_CONTROLLERS:
        raise ValueError(f"{len(found)} in all; want at most {_MOST_CONTROLLERS}")
    return found


class Scenario(QuantityModel):
    """A race: a channel, a slot, a compute pool, and the allocators that run in it."""

    name: str = Field("", max_length=200, description="the file's stem if not given")
    description: str = Field("", description="what `ttirace list` says of it")
    seed: Annotated[int, Field(ge=0)] = Field(
        0, description="of channels, latencies and random allocators"
    )
    slots: Annotated[int, Field(ge=1)] = Field(1000, description="how many, of the scenario's slot")
    numerology: Numerology | None = Field(None, description="slot = 1 ms / 2^numerology")
    slot_ns: SlotLength = None
    channel: ChannelModel = Field(description="gains between all transmitters and receivers")
    radio: RadioModel = Field(description="power caps, noise, weights")
    budget: BudgetModel = Field(BudgetModel(), description="where the time of a slot goes")
    compute: ComputeModel = Field(ComputeModel(), description="what allocators run on")
    controllers: Annotated[
        list[ControllerModel],
        BeforeValidator(_how_many),
        Also(lambda _: [{"type": "integer", "minimum": 1}]),
        Field(min_length=1, max_length=_MOST_CONTROLLERS, description="a list, or how many alike"),
        AfterValidator(_each),
    ] = Field(default_factory=lambda: [ControllerModel()])
    on_overrun: OnOverrun = Field(
        OnOverrun.ABORT, description="what becomes of a job that is not done by its deadline"
    )
    on_miss: MissPolicy = Field(OnMissModel(), description="what is in force after a miss")
    allocators: list[Annotated[AllocatorModel, Also(names)]] = Field(
        min_length=1, description="the contestants, each in a race of its own on the same slots"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        places: list[Scenario | ControllerModel] = [self, *self.controllers]
        for where in places:
            if where.numerology is not None and where.slot_ns is not None:
                raise ValueError("numerology and slot are the same quantity; keep one")
        labels = [entry.label for entry in self.allocators]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(
                    f"allocators: {label!r} stands twice; give one of them another label"
                )
        if self.name.startswith(".") or any(c in "/\\" or not c.isprintable() for c in self.name):
            raise ValueError(
                f"name: {shown(self.name)} is to name a folder; want one line, no slashes, no dot "
                "first"
            )
        self._check_controllers()
        return self

    def _check_controllers(self) -> None:
        timings = [self.controller(number) for number in range(len(self.controllers))]
        names = [timing.name for timing in timings]
        for timing in timings:
            if names.count(timing.name) > 1:
                raise ValueError(
                    f"controllers: {timing.name!r} stands twice; give one of them another name"
                )
            end_ns = timing.offset_ns + (timing.slots + timing.budget.lead) * timing.slot_ns
            if end_ns > _LATEST_NS:
                raise ValueError(
                    f"slots: {self.slots} of {timing.slot_ns / 1e3:g} us end after "
                    f"{end_ns / 1e9:.3g} s; want at most {_LATEST_NS / 1e9:.3g} s"
                )

    def controller(self, number: int) -> Controller:
        """Return controller ``number`` with its slot and budget resolved.

        Raises:
            ValueError: the lead leaves no time to compute.
        """
        own = self.controllers[number]
        slot_ns = _slot(own) or _slot(self) or SUBFRAME_NS
        return Controller(
            own.name or str(number),
            number,
            slot_ns,
            own.offset_ns,
            max(self.slots * (_slot(self) or SUBFRAME_NS) // slot_ns, 1),
            own.budget or self.budget,
            own.priority,
        )


def _slot(model: Scenario | ControllerModel) -> int | None:
    return model.slot_ns if model.numerology is None else SUBFRAME_NS >> model.numerology


@dataclass(frozen=True)
class Controller:
    """A controller's timing, resolved.

    Attributes:
        name: its name, its number if it has none.
        number: from 0.
        slot_ns: slot length.
        offset_ns: start of its slot 0.
        slots: how many it runs.
        budget: its latency budget.
        priority: the smallest goes first.
    """

    name: str
    number: int
    slot_ns: int
    offset_ns: int
    slots: int
    budget: BudgetModel
    priority: int

    def __post_init__(self) -> None:
        b = self.budget
        items = f"csi {b.csi_ns / 1e3:g} + fronthaul {b.fronthaul_ns / 1e3:g}"
        left = (
            f"budget: lead {b.lead} x slot {self.slot_ns / 1e3:g} us less {items} + control "
            f"{b.control_ns / 1e3:g} us leaves {self._left_ns / 1e3:g} us to compute"
        )
        if self._left_ns <= 0:
            raise ValueError(f"{left}; want a larger lead or smaller items")
        if self.compute_ns > self._left_ns:
            raise ValueError(f"{left}, not the {self.compute_ns / 1e3:g} us of budget.compute")

    @property
    def release_after_ns(self) -> int:
        """From the start of a slot, when its CSI is sampled, to the release of its job."""
        return self.budget.csi_ns + self.budget.fronthaul_ns

    @property
    def compute_ns(self) -> int:
        """What there is to compute: from a job's release to its deadline."""
        return self.budget.compute_ns or self._left_ns

    @property
    def deadline_at_boundary(self) -> bool:
        """Whether a job's deadline is the very instant that its slot of use starts."""
        return self.budget.control_ns == 0 and self.compute_ns == self._left_ns

    @property
    def _left_ns(self) -> int:
        return self.budget.lead * self.slot_ns - self.release_after_ns - self.budget.control_ns
