"""PPO in one file, from scratch, on the vector environment: made to be read and changed.

python examples/cleanrl_ppo.py --timesteps 500000
"""

from __future__ import annotations

import argparse
import random

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Normal

import sim.env  # noqa: F401  (registers the environment)

SCENARIO = {
    "channel": {"model": "rayleigh", "links": 5, "evolution": "gauss_markov", "doppler_hz": 10},
    "radio": {"snr_db": 0},
}


def layer(inputs: int, outputs: int, scale: float = 2**0.5) -> nn.Linear:
    """Return a layer with orthogonal weights and no bias."""
    made = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(made.weight, scale)
    nn.init.zeros_(made.bias)
    return made


class Agent(nn.Module):
    """An actor and a critic that share nothing."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.actor = nn.Sequential(
            layer(inputs, 128), nn.Tanh(), layer(128, 128), nn.Tanh(), layer(128, outputs, 0.01)
        )
        self.critic = nn.Sequential(
            layer(inputs, 128), nn.Tanh(), layer(128, 128), nn.Tanh(), layer(128, 1, 1.0)
        )
        self.log_std = nn.Parameter(torch.zeros(outputs))

    def policy(self, seen: torch.Tensor) -> Normal:
        """Return the distribution of actions before they are cut to -1..1."""
        return Normal(self.actor(seen), self.log_std.exp())


def train(args: argparse.Namespace) -> None:
    """Play, learn, and say how it goes."""
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(args.seed)
    envs = gymnasium.make_vec(
        "ttirace/PowerControl-v0", num_envs=args.envs, scenario=SCENARIO, episode_slots=50,
        vectorization_mode="vector_entry_point", autoreset_mode="SameStep",
    )  # fmt: skip
    agent = Agent(envs.single_observation_space.shape[0], envs.single_action_space.shape[0])
    optimiser = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    seen = torch.from_numpy(envs.reset(seed=args.seed)[0])
    iterations = max(1, args.timesteps // (args.envs * args.slots))
    for iteration in range(iterations):
        optimiser.param_groups[0]["lr"] = args.learning_rate * (1.0 - iteration / iterations)
        observations, actions, chances, rewards, values = [], [], [], [], []
        for _ in range(args.slots):
            with torch.no_grad():
                policy = agent.policy(seen)
                action = policy.sample()
                values.append(agent.critic(seen)[:, 0])
            observations.append(seen)
            actions.append(action)
            chances.append(policy.log_prob(action).sum(1))
            found, reward, _, _, _ = envs.step(action.clamp(-1.0, 1.0).numpy())
            rewards.append(torch.from_numpy(reward.astype(np.float32)))
            seen = torch.from_numpy(found)
        x, a, before = torch.cat(observations), torch.cat(actions), torch.cat(chances)
        # Gamma is zero: fading does not depend on powers, so a slot's reward is its return.
        target = torch.cat(rewards)
        advantage = target - torch.cat(values)
        for _ in range(args.epochs):
            for chosen in np.array_split(rng.permutation(len(x)), args.minibatches):
                policy = agent.policy(x[chosen])
                ratio = (policy.log_prob(a[chosen]).sum(1) - before[chosen]).exp()
                good = advantage[chosen]
                good = (good - good.mean()) / (good.std() + 1e-8)
                gain = torch.min(ratio * good, ratio.clamp(0.8, 1.2) * good).mean()
                error = (agent.critic(x[chosen])[:, 0] - target[chosen]).square().mean()
                loss = 0.25 * error - gain - args.entropy * policy.entropy().sum(1).mean()
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimiser.step()
        if iteration % max(1, iterations // 10) == 0 or iteration == iterations - 1:
            steps = (iteration + 1) * args.envs * args.slots
            spread = agent.log_std.exp().mean().item()
            print(f"step {steps}: {float(target.mean()):.3f} bit/s/Hz, deviation {spread:.2f}")
    envs.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--timesteps", type=int, default=500_000)
    parser.add_argument("--envs", type=int, default=256)
    parser.add_argument("--slots", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--minibatches", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--entropy", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())
