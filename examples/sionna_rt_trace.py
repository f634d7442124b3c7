"""Trace pairs of people who walk through a Sionna RT scene, and write a channel trace.

pip install ttirace sionna-rt
python examples/sionna_rt_trace.py -o canyon.h5

Rays are traced every `--retrace` slots; in between each path turns by its own Doppler shift.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sim.channel import checks, subband_gain, write_trace
from sim.deadline import InputError

OPENSTREETMAP = "buildings (c) OpenStreetMap contributors, ODbL"
#: What Sionna RT's own scenes are made of; the others are NVIDIA's, and come under its licence.
LICENCES = dict.fromkeys(("etoile", "florence", "munich", "san_francisco"), OPENSTREETMAP)


def read_arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("-o", "--output", type=Path, required=True, help="HDF5 file to write")
    add("--scene", default="simple_street_canyon", help="one of Sionna RT's, or a Mitsuba XML file")
    add("--licence", help="of a scene of your own")
    add("--links", type=int, default=4, help="pairs of a transmitter and a receiver")
    add("--slots", type=int, default=200, help="samples")
    add("--slot-ms", type=float, default=1.0, help="from one sample to the next")
    add("--speed-m-s", type=float, default=0.8, help="of everybody, each in a direction of its own")
    add("--distance-m", type=float, default=10.0, help="largest, of a pair")
    add("--height-m", type=float, default=1.5, help="of all antennas")
    add(
        "--area",
        type=float,
        nargs=4,
        default=(-40.0, -8.0, 40.0, 8.0),
        metavar=("X0", "Y0", "X1", "Y1"),
        help="free of buildings, in metres: all transmitters and receivers start there",
    )
    add("--carrier-hz", type=float, default=3.5e9, help="carrier frequency")
    add("--bandwidth-hz", type=float, default=20e6, help="of all subbands together")
    add("--subbands", type=int, default=4, help="subbands")
    add("--retrace", type=int, default=20, help="slots from one tracing of rays to the next")
    add("--depth", type=int, default=3, help="most reflections on a path")
    add("--rays", type=int, default=100_000, help="from each transmitter")
    add("--seed", type=int, default=1, help="of where they start and where they go")
    return parser.parse_args(given)


def place(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Return where terminals start and how they go, (2, K, 3) each: transmitters, receivers."""
    rng = np.random.default_rng(arguments.seed)
    low, high = np.array(arguments.area[:2]), np.array(arguments.area[2:])
    shape = (2, arguments.links, 3)
    start, velocity = np.full(shape, arguments.height_m), np.zeros(shape)
    for k in range(arguments.links):
        start[0, k, :2] = rng.uniform(low, high)
        reach = np.minimum(high - start[0, k, :2], arguments.distance_m)
        back = np.maximum(low - start[0, k, :2], -arguments.distance_m)
        steps = rng.uniform(back, reach, size=(1000, 2))
        length = np.hypot(*steps.T)
        steps = steps[(length >= 1.0) & (length <= arguments.distance_m)]
        if not len(steps):
            raise InputError(
                f"--distance-m: {arguments.distance_m:g} leaves no place from 1 m on in --area"
            )
        start[1, k, :2] = start[0, k, :2] + steps[0]
    heading = rng.uniform(0.0, 2.0 * np.pi, size=shape[:2])
    velocity[..., 0] = arguments.speed_m_s * np.cos(heading)
    velocity[..., 1] = arguments.speed_m_s * np.sin(heading)
    return start, velocity


def load(rt: Any, arguments: argparse.Namespace) -> Any:
    """Return the scene, its antennas isotropic."""
    file = getattr(rt.scene, arguments.scene, arguments.scene)
    if not Path(file).is_file():
        raise InputError(f"--scene: {arguments.scene!r} is neither a scene of Sionna RT nor a file")
    scene = rt.load_scene(file)
    scene.frequency = arguments.carrier_hz
    antenna = rt.PlanarArray(num_rows=1, num_cols=1, pattern="iso", polarization="V")
    scene.tx_array = scene.rx_array = antenna
    return scene


def licence(arguments: argparse.Namespace) -> str:
    """Return whom to credit, and on which terms."""
    if arguments.licence or Path(arguments.scene).is_file():
        return arguments.licence or "not stated"
    return LICENCES.get(arguments.scene, "scene of Sionna RT, Apache-2.0")


def main() -> None:
    """Trace, slot after slot, and write."""
    arguments = read_arguments()
    for name in ("links", "slots", "subbands", "retrace", "rays"):
        checks.count(f"--{name}", getattr(arguments, name))
    for name in ("slot_ms", "carrier_hz", "bandwidth_hz"):
        checks.positive(f"--{name.replace('_', '-')}", getattr(arguments, name))
    try:
        import sionna.rt as rt
    except ImportError as error:
        raise InputError(f"{error}: want `pip install sionna-rt`, and LLVM for its CPU") from None

    scene = load(rt, arguments)
    start_m, velocity = place(arguments)
    terminals = [
        [
            kind(f"{kind.__name__}{k}", position=start_m[side, k], velocity=velocity[side, k])
            for k in range(arguments.links)
        ]
        for side, kind in enumerate((rt.Transmitter, rt.Receiver))
    ]
    for terminal in (*terminals[0], *terminals[1]):
        scene.add(terminal)
    solve, slot_s, pieces = rt.PathSolver(), arguments.slot_ms / 1e3, []
    for first in range(0, arguments.slots, arguments.retrace):
        now_m = start_m + first * slot_s * velocity
        for side, k in np.ndindex(2, arguments.links):
            terminals[side][k].position = now_m[side, k]
        paths = solve(
            scene,
            max_depth=arguments.depth,
            samples_per_src=arguments.rays,
            refraction=False,
            seed=arguments.seed,
        )
        amplitude, delay_s = paths.cir(
            sampling_frequency=1.0 / slot_s,
            num_time_steps=min(arguments.retrace, arguments.slots - first),
            normalize_delays=False,
            out_type="numpy",
        )
        # (rx, antenna, tx, antenna, path, time) -> (time, rx, tx, path)
        amplitude = np.moveaxis(amplitude[:, 0, :, 0], -1, 0)
        pieces.append(
            subband_gain(
                amplitude,
                delay_s,
                bandwidth_hz=arguments.bandwidth_hz,
                subbands=arguments.subbands,
            )
        )
        deaf = np.flatnonzero(np.einsum("nskk->k", pieces[0]) == 0)
        if deaf.size:
            raise InputError(
                f"pair {deaf[0]}: no path between its two, want another --area or --seed"
            )
        print(f"\r{first + len(amplitude)} of {arguments.slots} slots", end="", flush=True)
    print()
    gain = np.concatenate(pieces)
    write_trace(
        arguments.output,
        gain=gain,
        sample_interval_s=slot_s,
        tx_m=start_m[0],
        rx_m=start_m[1],
        carrier_hz=arguments.carrier_hz,
        bandwidth_hz=arguments.bandwidth_hz,
        speed_m_s=arguments.speed_m_s,
        scene=arguments.scene,
        seed=arguments.seed,
        source=f"Sionna RT {rt.__version__} ray tracing of {arguments.scene}",
        licence=licence(arguments),
    )
    print(f"saved: {arguments.output}, {' x '.join(map(str, gain.shape))}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"{Path(__file__).name}: {error}")
