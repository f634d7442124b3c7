"""PPO of Stable-Baselines3 on the central environment; the result races as an allocator.

python examples/sb3_ppo.py --links 5 --snr-db 0 --timesteps 500000 -o ppo.zip
ttirace rl evaluate ppo.zip --links 5 --snr-db 0
"""

from __future__ import annotations

import argparse

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from sim.env.sb3 import PowerControlVecEnv


def train(links: int, snr_db: float, timesteps: int, out: str, seed: int = 1) -> None:
    """Train and save; with one thread the same seed gives the same policy."""
    torch.set_num_threads(1)
    scenario = {
        "slots": 50,
        "channel": {"rayleigh": {"links": links, "evolution": "gauss_markov", "doppler_hz": 10}},
        "radio": {"snr_db": snr_db},
    }
    envs = VecMonitor(PowerControlVecEnv(scenario, num_envs=64))
    # Fading does not depend on powers: what comes after a slot teaches nothing about its action.
    model = PPO("MlpPolicy", envs, gamma=0.0, n_steps=32, batch_size=512, seed=seed, device="cpu")
    model.learn(timesteps)
    model.save(out)
    slots = [float(episode["r"]) / episode["l"] for episode in model.ep_info_buffer or ()]
    print(f"last episodes: {sum(slots) / max(1, len(slots)):.2f} bit/s/Hz; saved: {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--links", type=int, default=5)
    parser.add_argument("--snr-db", type=float, default=0.0)
    parser.add_argument("--timesteps", type=int, default=500_000)
    parser.add_argument("-o", "--out", default="ppo.zip")
    given = parser.parse_args()
    train(given.links, given.snr_db, given.timesteps, given.out)
