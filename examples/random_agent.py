"""An agent that sets powers at random: one episode without deadlines, and one with them.

python examples/random_agent.py
"""

from __future__ import annotations

import gymnasium

import sim.env  # noqa: F401  (registers the environment)


def play(latency: object, seed: int = 1) -> tuple[float, float, int]:
    """Play an episode; return the agent's mean rate, that of WMMSE, and the slots missed."""
    env = gymnasium.make(
        "ttirace/PowerControl-v0", episode_slots=200, latency=latency, reference="wmmse"
    )
    env.action_space.seed(seed)
    env.reset(seed=seed)
    rate, reference, missed, truncated = 0.0, 0.0, 0, False
    while not truncated:
        _, reward, _, truncated, info = env.step(env.action_space.sample())
        rate += float(reward) / 200
        reference += info["reference"] / 200
        missed += info["outcome"] != "met"
    env.close()
    return rate, reference, missed


for latency in (None, {"lognormal": {"median": "800 us", "sigma": 0.5}}):
    rate, reference, missed = play(latency)
    print(f"latency {latency}: {rate:.2f} bit/s/Hz (wmmse {reference:.2f}), {missed} slots missed")
