"""Problems for the allocator tests: generic ones by seed, and hypothesis's degenerate ones."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from sim.problem import FloatArray, PowerControlProblem, sinr


def rayleigh(
    rng: np.random.Generator, links: int, *, subbands: int = 1, snr_db: float = 0.0
) -> PowerControlProblem:
    """Rayleigh fading with every noise, cap and weight different."""
    shape = (subbands, links)
    return PowerControlProblem(
        rng.exponential(size=(*shape, links)),
        rng.uniform(0.5, 2.0, shape) / 10 ** (snr_db / 10),
        rng.uniform(0.5, 2.0, shape),
        rng.uniform(0.1, 2.0, links),
    )


def subband_rates(problem: PowerControlProblem, power_w: FloatArray) -> FloatArray:
    """Weighted sum rate of each subband."""
    rates: FloatArray = np.log2(1.0 + sinr(problem, power_w)) @ problem.weight
    return rates


@st.composite
def problems(draw: st.DrawFn, max_links: int = 6) -> PowerControlProblem:
    """Small problems over nine decades of gain, with zero gains, weights and caps among them."""
    subbands = draw(st.integers(1, 3))
    links = draw(st.integers(1, max_links))
    off_or = lambda low, high: st.just(0.0) | st.floats(low, high)  # noqa: E731
    shape = (subbands, links)
    return PowerControlProblem(
        draw(hnp.arrays(float, (*shape, links), elements=off_or(1e-6, 1e3))),
        draw(hnp.arrays(float, shape, elements=st.floats(1e-6, 10.0))),
        draw(hnp.arrays(float, shape, elements=off_or(1e-2, 10.0))),
        draw(hnp.arrays(float, (links,), elements=off_or(1e-2, 10.0))),
    )
