"""The emulator as an allocator: load once, then answer without torch."""

from __future__ import annotations

import numpy as np

from allocators.dnn.inference import infer, scratch
from allocators.dnn.network import load, shipped_networks, weights_file
from allocators.warm_up import checked_spec, warm_up
from sim.deadline.errors import InputError
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem

_UNROUNDED = -1.0


class DNN(Solver[PowerControlProblem, Allocation]):
    """The network of Sun et al. (IEEE TSP 66(20), 2018), trained to answer as WMMSE does.

    Channel magnitudes in (K*K), hidden layers of 200, 80 and 80 with ReLU, relu6/6 out: the share
    of its power cap that each transmitter uses. Subbands are independent inputs. Unlike theirs, it
    sees the links in order of their direct magnitude, so that the answer does not depend on how
    they are numbered.

    It was trained with unit noise and unit caps, which any instance is brought to first: the
    magnitudes are ``|h_kj| sqrt(p_max_j / noise_k)``, and the answer is ``p_max_j`` times the
    output. SINRs, and with them the sum rate, do not change by that, so unequal noise and caps
    are exact; but the network knows only the distribution of magnitudes it was trained on, so
    caps that differ widely take it as far from home as path losses that differ widely would.
    ``weight`` is not an input of this network: it always works for the unweighted sum rate.

    Args:
        model: a shipped network (``dnn_k10``, ``dnn_k20``, ``dnn_k30``) or a path to a
            ``.safetensors`` file; none: the shipped one for as many links as there are.
        threshold: outputs above it become full power, others zero; none: used as they are.

    Raises:
        InputError: no such network, a file that is not one, a network for another number of
            links, a threshold outside [0, 1).
    """

    def __init__(self, model: str | None = None, threshold: float | None = 0.5) -> None:
        if threshold is not None and not 0.0 <= threshold < 1.0:
            raise InputError(f"threshold: {threshold}, want 0 <= threshold < 1, or null")
        self._model = model
        self._threshold = _UNROUNDED if threshold is None else float(threshold)
        self._links = 0
        if model is not None:
            weights_file(model)  # a wrong name should not have to wait for `prepare`

    def prepare(self, spec: object) -> None:
        """Load the network and compile, for a `PowerControlSpec`."""
        known = checked_spec(spec)
        self._load(known.links)
        warm_up(self, known)

    def solve(self, problem: PowerControlProblem) -> Allocation:
        """Answer every subband; ``work`` is zero, the cost does not depend on the instance."""
        noise_w = problem.noise_w
        if noise_w.shape[1] != self._links:
            self._load(noise_w.shape[1])
        power_w = np.empty(noise_w.shape)
        infer(
            problem.gain,
            noise_w,
            problem.p_max_w,
            self._packed,
            self._room,
            self._order,
            self._threshold,
            power_w,
        )
        return Allocation(power_w)

    def _load(self, links: int) -> None:
        model = self._model
        if model is None:
            model = f"dnn_k{links}"
            known = shipped_networks()
            if model not in known:
                raise InputError(
                    f"dnn: no network for {links} links is shipped (there are: "
                    f"{', '.join(known) or 'none'}); train one and name its file as model"
                )
        network = load(weights_file(model))
        if network.links != links:
            raise InputError(
                f"dnn: model: {model} is made for {network.links} links, but there are {links}"
            )
        self._packed = network.packed()
        self._room, self._order = scratch(links)
        self._links = links
