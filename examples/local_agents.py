"""Transmitters that decide alone, by what they hear: one that would drown keeps silent."""

from __future__ import annotations

from sim.env import parallel_env


def play(threshold_db: float, seed: int = 1) -> tuple[float, float]:
    """Play an episode; return the mean sum rate, and that of WMMSE, which knows everything."""
    env = parallel_env(episode_slots=200, reward="local", reference="wmmse")
    names = env.settings.layout.names
    gain = names.index("subband0/own/gain")
    heard = names.index("subband0/own/interference")
    seen, _ = env.reset(seed=seed)
    rate, reference = 0.0, 0.0
    while env.agents:
        above_db = {agent: 10.0 * (seen[agent][gain] - seen[agent][heard]) for agent in env.agents}
        actions = {agent: [1.0 if db > threshold_db else -1.0] for agent, db in above_db.items()}
        seen, _, _, _, infos = env.step(actions)
        rate += infos["tx_0"]["sum_rate_bps_hz"] / 200
        reference += infos["tx_0"]["reference"] / 200
    return rate, reference


for threshold_db in (float("-inf"), -6.0):
    rate, reference = play(threshold_db)
    print(f"above {threshold_db:g} dB: {rate:.2f} bit/s/Hz (wmmse {reference:.2f})")
