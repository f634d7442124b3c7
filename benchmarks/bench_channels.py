"""What a slot of each channel costs: median us a slot, drawn 64 slots at a time.

python benchmarks/bench_channels.py [REPEATS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from measure import load_average, spread

from sim.channel import (
    Channel,
    Evolution,
    GaussMarkov,
    GeometricChannel,
    Iid,
    ImacChannel,
    Jakes,
    RayleighChannel,
    RicianChannel,
    TraceChannel,
    write_trace,
)

BLOCK = 64
SIZES = (10, 30)
SLOTS = {10: 4096, 30: 1024}  # in one repeat
EVOLUTIONS: dict[str, Evolution] = {
    "iid": Iid(),
    "gauss_markov": GaussMarkov.from_doppler(10.0, 1e-3),
    "jakes": Jakes(10.0, 1e-3),
}
CHANNELS: dict[str, Callable[[int, Evolution], Channel]] = {
    "rayleigh": lambda k, ev: RayleighChannel(k, 1, ev, rng()),
    "rician": lambda k, ev: RicianChannel(k, 1, 5.0, ev, rng()),
    "geometric": lambda k, ev: GeometricChannel(k, 1, ev, rng(), side_m=200, shadowing_db=8),
    "imac": lambda k, ev: ImacChannel(5, k, 1, ev, rng(), radius_m=100),
}


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def microseconds_a_slot(channel: Channel, slots: int) -> float:
    start = time.perf_counter()
    for _ in range(slots // BLOCK):
        channel.block(BLOCK)
    return 1e6 * (time.perf_counter() - start) / slots


def row(make: Callable[[int], Channel], repeats: int) -> Iterator[float]:
    for k in SIZES:
        slots = SLOTS[k]
        channel = make(k)
        channel.block(BLOCK)  # compile
        if isinstance(channel, TraceChannel):  # it ends: open it again for each repeat
            times = [microseconds_a_slot(make(k), slots) for _ in range(repeats)]
        else:
            times = [microseconds_a_slot(channel, slots) for _ in range(repeats)]
        yield spread(times).median


def main() -> None:
    load_average()
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"{'channel':<12}{'evolution':<14}" + "".join(f"{f'K={k}':>9}" for k in SIZES))
    for name, channel in CHANNELS.items():
        for law, evolution in EVOLUTIONS.items():

            def make(k: int, channel=channel, evolution=evolution) -> Channel:
                return channel(k, evolution)

            print_row(name, law, row(make, repeats))

    with tempfile.TemporaryDirectory() as folder:
        for k in SIZES:
            gain = RayleighChannel(k, 1, EVOLUTIONS["jakes"], rng()).block(SLOTS[k])
            h = np.sqrt(gain).astype(np.complex64)
            write_trace(Path(folder, f"{k}.h5"), H=h, sample_interval_s=1e-3)

        def trace(k: int) -> Channel:
            return TraceChannel(Path(folder, f"{k}.h5"), 1e-3, SLOTS[k])

        print_row("trace", "gzip", row(trace, repeats))


def print_row(name: str, law: str, times: Iterator[float]) -> None:
    print(f"{name:<12}{law:<14}" + "".join(f"{t:9.2f}" for t in times))


if __name__ == "__main__":
    main()
