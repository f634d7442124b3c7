"""One episode of one environment: what is drawn for it, in order, from its seed alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.deadline import LatencyModel
from sim.env.observation import IntArray
from sim.env.settings import Settings
from sim.problem import FloatArray
from sim.seeding import stream


class Episode:
    """Channels and service times, drawn window by window.

    Both come from the streams of a race of the same scenario with that seed. A recorded channel is
    entered at a random place, from which it lasts.

    Args:
        settings: of the environment.
        seed: of the episode.

    Attributes:
        seed: of the episode.
        rx_m: receivers' positions in metres, where the channel has them.
        tx_m: transmitters' positions, likewise.
    """

    def __init__(self, settings: Settings, seed: int) -> None:
        self.seed = seed
        self._settings = settings
        rng = stream(seed, "channel", settings.timing.number)
        if settings.trace is None:
            self._channel = settings.scenario.channel.build(
                settings.timing.slot_ns, settings.rated_slots, settings.folder, rng
            )
            self.rx_m = getattr(self._channel, "rx_m", None)
            self.tx_m = getattr(self._channel, "tx_m", None)
        else:
            spare = len(settings.trace.gain) - settings.rated_slots
            self._sample = int(rng.integers(spare + 1)) if spare else 0
            self.rx_m, self.tx_m = settings.trace.rx_m, settings.trace.tx_m
        self._jobs = 0
        self._models: tuple[LatencyModel, int, LatencyModel | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Latency models may hold what cannot be copied; they are made and drawn from again.
        return {**self.__dict__, "_models": None}

    def gains(self, slots: int) -> FloatArray:
        """Return the linear power gains of the next ``slots`` slots, ``(slots, S, K, K)``.

        After the last sample of a recording, that stays.
        """
        trace = self._settings.trace
        if trace is None:
            return self._channel.block(slots)
        samples = np.minimum(np.arange(self._sample, self._sample + slots), len(trace.gain) - 1)
        self._sample += slots
        return trace.gain[samples]

    def services_ns(self, jobs: int) -> IntArray:
        """Return what the next jobs cost: ``(2, jobs)``, waking up first, then the service."""
        if self._models is None:
            self._models = self._drawn_up_to_here()
        service, work, wake_up = self._models
        out: IntArray = np.zeros((2, jobs), np.int64)
        if wake_up is not None:
            out[0] = [wake_up.service_ns(wake_up.draw(), 0, 0) for _ in range(jobs)]
        out[1] = [service.service_ns(service.draw(), 0, work) for _ in range(jobs)]
        self._jobs += jobs
        return out

    def _drawn_up_to_here(self) -> tuple[LatencyModel, int, LatencyModel | None]:
        settings = self._settings
        assert settings.deadlines is not None
        whose = self.seed, settings.links, settings.subbands, settings.folder
        service, work = settings.deadlines.service(*whose)
        wake_up = settings.deadlines.wake_up(*whose)
        for _ in range(self._jobs):
            service.draw()
            if wake_up is not None:
                wake_up.draw()
        return service, work, wake_up
