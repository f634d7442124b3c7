"""Transmitters that learn by themselves: a small Q-network each, nothing shared but the air.

python examples/independent_learners.py --timesteps 4000
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from sim.env import parallel_env

LEVELS = (-1.0, 1.0)  # off and full power


class Learner:
    """Deep Q-learning without a future: what an action is worth shows in the same slot."""

    def __init__(self, inputs: int, seed: int) -> None:
        torch.manual_seed(seed)
        self._net = torch.nn.Sequential(
            torch.nn.Linear(inputs, 32), torch.nn.ReLU(), torch.nn.Linear(32, len(LEVELS))
        )
        self._optimiser = torch.optim.Adam(self._net.parameters(), lr=3e-3)
        self._rng = np.random.default_rng(seed)
        self._past: list[tuple[torch.Tensor, int, float]] = []

    def act(self, seen: np.ndarray, curiosity: float) -> int:
        """Choose a level: the best one known, or for curiosity's sake any."""
        if self._rng.random() < curiosity:
            return int(self._rng.integers(len(LEVELS)))
        with torch.no_grad():
            return int(self._net(torch.from_numpy(seen)).argmax())

    def learn(self, seen: np.ndarray, level: int, reward: float) -> None:
        """Remember a slot, and take a gradient step on some that are remembered."""
        self._past = [*self._past[-5000:], (torch.from_numpy(seen), level, reward)]
        chosen = [self._past[i] for i in self._rng.integers(len(self._past), size=32)]
        values = self._net(torch.stack([one[0] for one in chosen]))
        worth = values[torch.arange(32), torch.tensor([one[1] for one in chosen])]
        target = torch.tensor([one[2] for one in chosen], dtype=torch.float32)
        self._optimiser.zero_grad()
        torch.nn.functional.smooth_l1_loss(worth, target).backward()
        self._optimiser.step()


def play(timesteps: int, seed: int = 1) -> None:
    """Learn on one endless walk, and say now and then how it goes."""
    torch.set_num_threads(1)
    scenario = {
        "channel": {"model": "rayleigh", "links": 4, "evolution": "gauss_markov", "doppler_hz": 10},
        "radio": {"snr_db": 10},
    }
    env = parallel_env(
        scenario, neighbours=3, reward="local", episode_slots=timesteps, reference="wmmse"
    )
    seen, _ = env.reset(seed=seed)
    inputs = env.observation_space("tx_0").shape[0]
    learners = {agent: Learner(inputs, seed + k) for k, agent in enumerate(env.possible_agents)}
    share, stretch = [], max(1, timesteps // 4)
    for slot in range(timesteps):
        curiosity = max(0.02, 0.5 * (1.0 - 2.0 * slot / timesteps))
        chosen = {agent: learners[agent].act(seen[agent], curiosity) for agent in env.agents}
        actions = {agent: [LEVELS[level]] for agent, level in chosen.items()}
        after, rewards, _, _, infos = env.step(actions)
        for agent, level in chosen.items():
            learners[agent].learn(seen[agent], level, rewards[agent])
        seen = after
        share.append(infos["tx_0"]["sum_rate_bps_hz"] / infos["tx_0"]["reference"])
        if (slot + 1) % stretch == 0:
            print(f"slot {slot + 1}: {100 * np.mean(share[-stretch:]):.1f}% of WMMSE")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--timesteps", type=int, default=4000)
    play(parser.parse_args().timesteps)
