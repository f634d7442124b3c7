"""Modelled times of a few nanoseconds: ties, zero service and overload are the rule."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

LATENCIES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        lambda base, per_work: {"model": "constant", "base_ns": base, "per_work_ns": per_work},
        st.integers(0, 12),
        st.integers(0, 4),
    ),
    st.builds(lambda mean: {"model": "exponential", "mean_ns": mean}, st.integers(1, 30)),
    st.builds(lambda high: {"model": "uniform", "low_ns": 0, "high_ns": high}, st.integers(1, 40)),
    st.builds(lambda low: {"model": "pareto", "minimum_ns": low, "shape": 1.1}, st.integers(1, 10)),
)

JITTERS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda mean: {"model": "exponential", "mean_ns": mean}, st.integers(1, 8)),
    st.builds(lambda base: {"model": "constant", "base_ns": base}, st.integers(0, 12)),
)
