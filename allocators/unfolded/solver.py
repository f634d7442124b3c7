"""The unfolded network as an allocator: load once, then answer without torch."""

from __future__ import annotations

import numpy as np

from allocators.shipped import weights_file
from allocators.simd import aligned_zeros
from allocators.unfolded.inference import infer
from allocators.unfolded.instance import layout
from allocators.unfolded.network import ARCHITECTURE, Network, load
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.errors import check_range
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem


class Unfolded(Solver[PowerControlProblem, Allocation]):
    """WMMSE unfolded into a few layers that were trained for the sum rate, not to imitate.

    Several candidates side by side, each link of each moved by a small network that all links
    share; the best by weighted sum rate is the answer. One model for any number of links, any
    noise, any caps and any weights alpha_k. It costs the same whatever the instance, and is never
    worse than full power for all, or than the one best link alone. See
    `allocators.unfolded.network` for the equations.

    Args:
        model: a shipped network (``unfolded_s``, ``unfolded_m``, ``unfolded_l``: by size), or a
            path to a ``.safetensors`` file.
        polish: WMMSE iterations at the end; none: as many as it was trained with.

    Raises:
        InputError: no such network, a file that is not one, ``polish`` below 0.
    """

    def __init__(self, model: str = "unfolded_m", polish: int | None = None) -> None:
        if polish is not None:
            check_range("polish", polish, 0)
        self._path = weights_file(model, ARCHITECTURE)
        self._network: Network | None = None
        self._polish = polish
        self._links = 0

    @classmethod
    def of(cls, network: Network, polish: int | None = None) -> Unfolded:
        """Return the allocator of a network that is in no file."""
        self = cls.__new__(cls)
        self._network, self._polish, self._links = network, polish, 0
        return self

    def prepare(self, spec: object) -> None:
        """Load the network and compile, for a `PowerControlSpec`."""
        known = checked_spec(spec)
        if self._network is None:
            self._network = load(self._path)
        self._make_room(known.links)
        warm_up(self, known)

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Answer every subband; ``work`` is zero, the cost does not depend on the instance."""
        noise_w = problem.noise_w
        if noise_w.shape[1] != self._links:
            self._make_room(noise_w.shape[1])
        power_w = np.empty(noise_w.shape)
        infer(
            problem.gain,
            noise_w,
            problem.p_max_w,
            problem.weight,
            self._packed,
            *self._sizes,
            self._room,
            power_w,
        )
        return Allocation(power_w)

    def _make_room(self, links: int) -> None:
        if self._network is None:
            raise RuntimeError("the weights are not loaded: call prepare first")
        shape = self._network.shape
        polish = shape.polish if self._polish is None else self._polish
        self._packed = self._network.packed()
        self._sizes = (shape.candidates, shape.layers, shape.hidden, shape.state, polish)
        size = layout(links, shape.candidates, shape.hidden, shape.state).size
        self._room = aligned_zeros(size)
        self._links = links
