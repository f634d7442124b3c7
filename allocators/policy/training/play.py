"""Play on the environments of `sim.env`, with actions drawn from the policy in training.

All random numbers of an update depend on the seed and the update's number alone, and environments
begin anew with each: a training that was stopped goes on to the same end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from allocators.policy.training.learner import VALUE_UNIT, PolicyLearner, are_gains
from allocators.policy.training.samples import (
    Samples,
    against_copies,
    against_critic,
    joined,
    returns,
    scaled,
)
from allocators.policy.training.settings import Cell, PolicySettings
from sim.deadline.models.model_file import Float32Array
from sim.env import LocalVector, PowerControlVectorEnv
from sim.problem import FloatArray
from sim.seeding import stream

if TYPE_CHECKING:
    import torch

_SEEDS = 2**62  # of episodes


class Field:
    """The environments of one K, of all its SNRs.

    Args:
        cells: one for each SNR.
        number: of the first of them, among all.
        settings: of the training.
    """

    def __init__(self, cells: Sequence[Cell], number: int, settings: PolicySettings) -> None:
        self._settings = settings
        self._number = number
        self.links = cells[0].links
        self._central: list[PowerControlVectorEnv] = []
        self._local: list[LocalVector] = []
        for cell in cells:
            scenario = cell.scenario(settings.doppler_hz)
            if settings.kind == "central":
                # Without the powers in force all copies see the same, and are asked but once.
                env = PowerControlVectorEnv(
                    scenario, num_envs=settings.episodes * settings.copies, observe=["gains"],
                    episode_slots=settings.episode_slots, autoreset_mode="Disabled",
                )  # fmt: skip
                self._central.append(env)
            else:
                local = LocalVector(
                    scenario, size=settings.episodes, neighbours=settings.neighbours,
                    reward="local", episode_slots=settings.episode_slots,
                )  # fmt: skip
                self._local.append(local)

    def play(self, learner: PolicyLearner, update: int) -> tuple[Samples, float]:
        """Play an episode in each environment; return what is learnt from, and the mean reward."""
        rng = stream(self._settings.seed, "play", update, self._number)
        if self._central:
            return self._play_centrally(learner, rng)
        return self._play_locally(learner, rng, self._settings.sees_powers(update))

    def _seeds(self, rng: np.random.Generator) -> list[int]:
        return [int(seed) for seed in rng.integers(_SEEDS, size=self._settings.episodes)]

    def _play_centrally(
        self, learner: PolicyLearner, rng: np.random.Generator
    ) -> tuple[Samples, float]:
        known, envs = self._settings, self._central
        episodes, copies, slots = known.episodes, known.copies, known.episode_slots
        seen = []
        for env in envs:
            seeds = np.repeat(self._seeds(rng), copies).tolist()
            seen.append(env.reset(options={"episode_seed": seeds})[0][::copies])
        shape = (len(envs), episodes, copies, self.links)
        observations, actions, levels = [], [], []
        rewards: FloatArray = np.empty((slots, *shape[:3]))
        for t in range(slots):
            observations.append(np.stack(seen))
            level = _levels(learner, observations[-1].reshape(len(envs) * episodes, -1))
            levels.append(level.reshape(len(envs), episodes, self.links))
            chance = 1.0 / (1.0 + np.exp(-levels[-1].astype(np.float64)))
            drawn = (rng.random(shape) < chance[:, :, None]).astype(np.float32)
            actions.append(drawn)
            for i, env in enumerate(envs):
                action = 2.0 * drawn[i].reshape(episodes * copies, self.links) - 1.0
                found, reward, _, _, _ = env.step(action)
                seen[i] = found[::copies]
                rewards[t, i] = reward.reshape(episodes, copies)
        total = returns(rewards, known.gamma)
        parts = [
            Samples(
                np.stack([one[i] for one in observations]).reshape(slots * episodes, -1),
                np.stack([one[i] for one in actions]).reshape(-1, copies, self.links),
                np.stack([one[i] for one in levels]).reshape(-1, self.links),
                scaled(against_copies(total[:, i])).reshape(-1, copies),
            )
            for i in range(len(envs))
        ]
        return joined(parts), float(rewards.mean())

    def _play_locally(
        self, learner: PolicyLearner, rng: np.random.Generator, sees_powers: bool
    ) -> tuple[Samples, float]:
        known, envs = self._settings, self._local
        hidden = ~are_gains(envs[0].settings.layout.names)
        episodes, slots = known.episodes, known.episode_slots
        seen = [env.reset(options={"episode_seed": self._seeds(rng)})[0] for env in envs]
        shape = (len(envs), episodes, self.links)
        observations, actions, levels, values = [], [], [], []
        rewards: FloatArray = np.empty((slots, *shape))
        sum_rate = 0.0
        for t in range(slots + 1):
            observations.append(np.stack(seen))
            if not sees_powers:
                observations[-1][..., hidden] = 0.0
            flat = observations[-1].reshape(int(np.prod(shape)), -1)
            values.append(_values(learner, flat).reshape(shape))
            if t == slots:
                break
            levels.append(_levels(learner, flat).reshape(shape))
            chance = 1.0 / (1.0 + np.exp(-levels[-1].astype(np.float64)))
            actions.append((rng.random(shape) < chance).astype(np.float32))
            for i, env in enumerate(envs):
                action = 2.0 * actions[-1][i] - 1.0
                seen[i], rewards[t, i], _, _, infos = env.step(action[:, :, None])
                sum_rate += float(infos["sum_rate_bps_hz"].mean()) / (slots * len(envs))
        worth = np.stack(values)
        parts = []
        for i in range(len(envs)):
            advantage, target = against_critic(rewards[:, i], worth[:, i], known.gamma, known.trace)
            parts.append(
                Samples(
                    np.stack([one[i] for one in observations[:-1]]).reshape(advantage.size, -1),
                    np.stack([one[i] for one in actions]).reshape(-1, 1, 1),
                    np.stack([one[i] for one in levels]).reshape(-1, 1),
                    scaled(advantage).reshape(-1, 1),
                    target.astype(np.float32).reshape(-1),
                )
            )
        return joined(parts), sum_rate


def fields_of(settings: PolicySettings) -> list[Field]:
    """Return the environments of a training, K by K."""
    cells = settings.cells
    size = len(settings.snr_db)
    return [Field(cells[i : i + size], i, settings) for i in range(0, len(cells), size)]


def _levels(learner: PolicyLearner, seen: Float32Array) -> Float32Array:
    import torch

    with torch.no_grad():
        found: Float32Array = learner.levels(torch.from_numpy(seen)).numpy()
    return found


def _values(learner: PolicyLearner, seen: Float32Array) -> FloatArray:
    import torch

    with torch.no_grad():
        value: torch.Tensor | None = learner.values(torch.from_numpy(seen))
        assert value is not None
        found: FloatArray = VALUE_UNIT * value.double().numpy()
    return found
