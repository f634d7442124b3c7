"""Our own policies, run compiled and without torch."""

from __future__ import annotations

from allocators.policy.actor import Actor
from allocators.policy.inference import act_centrally, act_locally, central_room, local_room
from allocators.policy.network import CentralShape, LocalShape, Network
from sim.measurements import LocalMeasurements
from sim.problem import FloatArray, PowerControlProblem


def actor_of(network: Network) -> Actor:
    """Return the actor of a network."""
    shape = network.shape
    if isinstance(shape, CentralShape):
        return CentralActor(network, shape)
    return LocalActor(network, shape)


class CentralActor(Actor):
    """A network that sees all gains; it remembers nothing.

    Args:
        network: the weights.
        shape: their sizes.
    """

    def __init__(self, network: Network, shape: CentralShape) -> None:
        self._packed = network.packed()
        self._sizes = (shape.hidden, shape.messages, shape.rounds)
        self._room = central_room(1, shape.hidden, shape.messages)

    def start(self, links: int, subbands: int) -> None:
        """See `Actor`; any size fits."""
        del subbands
        self._room = central_room(links, *self._sizes[:2])

    def act(self, problem: PowerControlProblem, power_w: FloatArray) -> None:
        """See `Actor`."""
        act_centrally(
            problem.gain, problem.noise_w, problem.p_max_w, self._packed, *self._sizes, self._room,
            power_w,
        )  # fmt: skip


class LocalActor(Actor):
    """A network in each transmitter, which sees what it measures and what neighbours report.

    Every problem is taken for the next slot, in which the last answer is in force: at first all
    send at p_max, as in the environment.

    Args:
        network: the weights.
        shape: their sizes.
    """

    def __init__(self, network: Network, shape: LocalShape) -> None:
        self._packed = network.packed()
        self._shape = shape
        self._room = local_room(shape.hidden)
        self._last_w: FloatArray | None = None
        self.start(1, 1)

    def start(self, links: int, subbands: int) -> None:
        """See `Actor`; any size fits."""
        self._measured = LocalMeasurements(links, subbands, self._shape.neighbours)
        self._last_w = None

    def act(self, problem: PowerControlProblem, power_w: FloatArray) -> None:
        """See `Actor`."""
        p_max_w = problem.p_max_w
        last_w = p_max_w if self._last_w is None else self._last_w
        seen = self._measured.of_problem(problem, last_w)
        act_locally(
            seen, p_max_w, self._packed, self._shape.hidden, self._shape.neighbours, self._room,
            power_w,
        )  # fmt: skip
        self._last_w = power_w.copy()
