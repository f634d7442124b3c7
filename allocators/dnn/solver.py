"""The emulator as an allocator: load once, then answer without torch."""

from __future__ import annotations

import numpy as np

from allocators.dnn.inference import infer, scratch
from allocators.dnn.network import ARCHITECTURE, Network, joined, load
from allocators.shipped import shipped_models, weights_file
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

    Several networks are an ensemble: all of them answer, and on each subband the answer with the
    highest weighted sum rate is kept (ePCNet: F. Liang, C. Shen, W. Yu, F. Wu, "Towards optimal
    power control via ensembling deep neural networks", IEEE Trans. Commun. 68(3), 2020).

    Args:
        model: a shipped network (``dnn_k10``, ``dnn_k20``, ``dnn_k30``), a path to a
            ``.safetensors`` file, or a list of these, an ensemble; none: the shipped one for as
            many links as there are.
        threshold: outputs above it become full power, others zero; none: used as they are.

    Raises:
        InputError: no such network, a file that is not one, a network for another number of
            links, a threshold outside [0, 1).
    """

    def __init__(self, model: str | list[str] | None = None, threshold: float | None = 0.5) -> None:
        if threshold is not None and not 0.0 <= threshold < 1.0:
            raise InputError(f"threshold: {threshold}, want 0 <= threshold < 1, or null")
        if model == []:
            raise InputError("model: an empty list, want at least one network")
        self._models = [model] if isinstance(model, str) else model
        self._threshold = _UNROUNDED if threshold is None else float(threshold)
        self._given: list[tuple[str, Network]] = []
        self._links = 0
        for name in self._models or ():
            weights_file(name, ARCHITECTURE)  # a wrong name should not wait for `prepare`

    @classmethod
    def of(cls, network: Network, threshold: float | None = 0.5) -> DNN:
        """Return the allocator of a network that is in no file."""
        self = cls(None, threshold)
        self._given = [("the network", network)]
        return self

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
            problem.weight,
            self._packed,
            self._room,
            self._order,
            self._threshold,
            power_w,
        )
        return Allocation(power_w)

    def _load(self, links: int) -> None:
        named = self._given or [
            (model, load(weights_file(model, ARCHITECTURE))) for model in self._names(links)
        ]
        for name, network in named:
            if network.links != links:
                raise InputError(
                    f"dnn: model: {name} is made for {network.links} links, but there are {links}"
                )
        network = joined([network for _, network in named])
        self._packed = network.packed()
        self._room, self._order = scratch(links)
        self._links = links

    def _names(self, links: int) -> list[str]:
        if self._models is not None:
            return self._models
        name, known = f"dnn_k{links}", shipped_models(ARCHITECTURE)
        if name not in known:
            raise InputError(
                f"dnn: no network for {links} links is shipped (there are: "
                f"{', '.join(known) or 'none'}); train one and name its file as model"
            )
        return [name]
