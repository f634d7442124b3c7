"""When the answers of an agent come, and what happens when that is late."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.deadline import InputError, LatencyModel, OnMiss, OnOverrun
from sim.deadline.cost import Calibrated
from sim.deadline.errors import shown
from sim.scenario import Controller, Scenario
from sim.scenario.latency import CalibratedLatency, Call, MeasuredLatency
from sim.scenario.load import describe
from sim.scenario.models import ComputeModel
from sim.seeding import stream

#: The miss policies that one pass of a policy can serve.
_SERVED = (OnMiss.HOLD, OnMiss.USE_LATE)


@dataclass(frozen=True)
class Deadlines:
    """A latency with its policies, for one controller on one server.

    Attributes:
        compute: the compute pool, whose latency is that of the agent.
        timing: slots and budget.
        on_overrun: what a job does to those behind it.
        use_late: whether a late answer is put in force; else the last one stays.
    """

    compute: ComputeModel
    timing: Controller
    on_overrun: OnOverrun
    use_late: bool

    @classmethod
    def of(cls, latency: Any, scenario: Scenario) -> Deadlines:
        """Return what ``latency`` and the scenario say.

        Args:
            latency: ``"scenario"``, or a latency as a scenario writes it.
            scenario: the scenario, of one controller.

        Raises:
            InputError: a latency that is none, that cannot be reproduced or does not say whose it
                is; or a policy or a pool that one policy on one server cannot have.
        """
        compute = scenario.compute
        if latency != "scenario":
            given = {"latency": latency}
            try:
                own = ComputeModel.model_validate(given).latency
            except ValidationError as error:
                raise InputError(describe(error, given, ComputeModel)) from None
            compute = compute.model_copy(update={"latency": own})
        where = "latency" if latency != "scenario" else "latency: 'scenario': compute.latency"
        if isinstance(compute.latency, MeasuredLatency):
            raise InputError(
                f"{where}: measured, and an environment must be reproducible; want calibrated, "
                "constant or a distribution, or None for no deadlines"
            )
        if isinstance(compute.latency, CalibratedLatency) and not compute.latency.cost_of:
            raise InputError(
                f"{where}: calibrated does not say whose cost an agent is charged; name an "
                "allocator, as in {'calibrated': {'cost_of': 'wmmse'}}"
            )
        if compute.servers > 1:
            raise InputError(
                f"compute.servers: {compute.servers}, and the jobs of an agent are served one by "
                "one; want 1"
            )
        miss = scenario.on_miss.policy
        if miss not in _SERVED:
            raise InputError(
                f"on_miss: {shown(miss.value)} needs a second answer, and an agent gives one a "
                f"slot; want {' or '.join(_SERVED)}"
            )
        return cls(compute, scenario.controller(0), scenario.on_overrun, miss is OnMiss.USE_LATE)

    def check(self, links: int, subbands: int, folder: Path) -> None:
        """Make the models of an episode once, so that what is wrong does not wait for a reset.

        Raises:
            InputError: they cannot be made: nobody's cost, say, or one that was not measured.
        """
        try:
            self.service(0, links, subbands, folder)
            self.wake_up(0, links, subbands, folder)
        except InputError as error:
            raise InputError(f"latency: {error}") from error

    def service(
        self, seed: int, links: int, subbands: int, folder: Path
    ) -> tuple[LatencyModel, int]:
        """Return the latency model of an episode, and the units of work that a call is taken for.

        The stream is that of a race with the same seed. An agent's answer reports no work; where
        another allocator's cost is charged, it is that of its median call.
        """
        # Not the empty name, which stands for the host before any call.
        call = Call("agent", {}, links, subbands, folder)
        rng = stream(seed, "latency", self.timing.number)
        model = self.compute.latency.build(rng, self.compute.speed, call)
        return model, model.typical_work if isinstance(model, Calibrated) else 0

    def wake_up(self, seed: int, links: int, subbands: int, folder: Path) -> LatencyModel | None:
        """Return the model of the release jitter of an episode, if there is any."""
        jitter = self.compute.release_jitter
        if jitter is None:
            return None
        rng = stream(seed, "release_jitter", self.timing.number)
        return jitter.build(rng, 1.0, Call("", {}, links, subbands, folder))
