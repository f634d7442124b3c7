"""Let users walk along rows of a DeepMIMO data set, and write a channel trace.

pip install ttirace deepmimo
python -c "import deepmimo; deepmimo.download('city_0_newyork_3p5')"
python examples/deepmimo_trace.py city_0_newyork_3p5 -o newyork.h5

Each transmitter serves one user, one of those who hear it best. A slot is far shorter than the way
from one point of the grid to the next: in between, the paths of the nearest point arrive as plane
waves, each longer or shorter by what the user has walked away from it or towards it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.channel import checks, subband_gain, write_trace
from sim.deadline import InputError

LIGHT_M_S = 299_792_458.0
Floats = NDArray[np.float64]


class Paths(NamedTuple):
    """From each of J transmitters to each of U points, at most P paths: ``(J, U, P)``; else NaN.

    Names, units and senses are DeepMIMO's: power in dB, of 1 W sent; angles in degrees, from where
    it arrives, `aoa_el` counted from the zenith.
    """

    power: Floats
    phase: Floats
    delay: Floats
    aoa_az: Floats
    aoa_el: Floats


def stretch(rx_m: Floats, start: int, length_m: float) -> NDArray[np.intp] | None:
    """Return the points, (n,), that a walk along the row passes; None if the row ends before.

    Args:
        rx_m: points of the grid, (U, 3); a row is what has one y, walked towards larger x.
        start: the point to walk from.
        length_m: how far the walk goes.
    """
    in_row = np.abs(rx_m[:, 1] - rx_m[start, 1]) < 1e-3
    ahead = np.flatnonzero(in_row & (rx_m[:, 0] >= rx_m[start, 0]))
    ahead = ahead[np.argsort(rx_m[ahead, 0])]
    gaps = np.diff(rx_m[ahead, 0])
    if not gaps.size:
        return None
    spacing = gaps.min()
    whole = np.flatnonzero(gaps > 1.5 * spacing)  # up to where a point is missing
    ahead = ahead[: whole[0] + 1] if whole.size else ahead
    walked = rx_m[ahead, 0] - rx_m[start, 0]
    return ahead[walked <= length_m + spacing / 2] if walked[-1] >= length_m else None


def choose_users(
    power: Floats, rx_m: Floats, length_m: float, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Return for each transmitter the points that its user walks along.

    The user is a random one of those who hear this transmitter best, and hear it on all the way.

    Raises:
        InputError: a transmitter has no such user.
    """
    heard = np.nansum(10.0 ** (power / 10.0), axis=-1)
    users: list[NDArray[np.intp]] = []
    for j in range(len(heard)):
        for start in rng.permutation(np.flatnonzero((heard.argmax(axis=0) == j) & (heard[j] > 0))):
            points = stretch(rx_m, int(start), length_m)
            if points is not None and heard[j, points].all():
                users.append(points)
                break
        else:
            raise InputError(
                f"transmitter {j}: nobody hears it best with {length_m:g} m of a row ahead, "
                "want other --transmitters or fewer --slots"
            )
    return users


def walk(
    paths: Paths, rx_m: Floats, users: list[NDArray[np.intp]], walked_m: Floats, carrier_hz: float
) -> tuple[NDArray[np.complex128], Floats]:
    """Return amplitude and delay of all paths on the way, both (N, K, K, P): time, rx, tx, path.

    Args:
        paths: of the K transmitters.
        rx_m: points of the grid, (U, 3).
        users: for each of K users the points that it walks along.
        walked_m: how far they have come in each slot, (N,).
        carrier_hz: carrier frequency.
    """
    x_m = [rx_m[points[0], 0] + walked_m for points in users]
    nearest = np.stack(
        [
            points[np.abs(x[:, None] - rx_m[points, 0]).argmin(axis=1)]
            for points, x in zip(users, x_m, strict=True)
        ],
        axis=1,
    )  # (N, K)
    beyond_m = np.stack(x_m, axis=1) - rx_m[nearest, 0]
    # (K tx, N, K rx, P) -> (N, K rx, K tx, P)
    power, phase, delay, azimuth, zenith = (np.moveaxis(field[:, nearest], 0, 2) for field in paths)
    towards = np.sin(np.radians(zenith)) * np.cos(np.radians(azimuth))  # x of where it comes from
    shift_s = -towards * beyond_m[:, :, None, None] / LIGHT_M_S
    amplitude = 10.0 ** (power / 20.0) * np.exp(
        1j * (np.radians(phase) - 2.0 * np.pi * carrier_hz * shift_s)
    )
    there = np.isfinite(power)
    return np.where(there, amplitude, 0.0), np.where(there, delay + shift_s, 0.0)


def with_carrier(paths: Paths, carrier_hz: float) -> Paths:
    """Return the paths, their phases turned by that of the carrier over the delay."""
    return paths._replace(phase=paths.phase - 360.0 * ((carrier_hz * paths.delay) % 1.0))


def read_arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("scenario", help="DeepMIMO's name of a scenario that is in ./deepmimo_scenarios")
    add("-o", "--output", type=Path, required=True, help="HDF5 file to write")
    add("--transmitters", help="their numbers, as 0,2,3; all if not given")
    add("--rx-set", type=int, help="DeepMIMO's number of a grid of receivers; all if not given")
    add("--paths", type=int, default=25, help="most paths from a transmitter to a point")
    add("--slots", type=int, default=1000, help="samples")
    add("--slot-ms", type=float, default=1.0, help="from one sample to the next")
    add("--speed-m-s", type=float, default=1.5, help="of all users")
    add("--bandwidth-hz", type=float, default=20e6, help="of all subbands together")
    add("--subbands", type=int, default=4, help="subbands")
    add(
        "--carrier-phase",
        choices=("auto", "add", "kept"),
        default="auto",
        help="do the phases have to be turned by that of the carrier over the delay? "
        "auto: where Sionna RT traced, whose coefficients leave it out",
    )
    add("--licence", default="see the scenario's page on deepmimo.net", help="of the data set")
    add("--seed", type=int, default=1, help="of who is served")
    return parser.parse_args(given)


def load(dm: Any, arguments: argparse.Namespace) -> list[list[Any]]:
    """Return the data sets of each transmitter chosen, one a grid of receivers."""
    folder = Path(dm.get_scenario_folder(arguments.scenario.lower()))
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such scenario, deepmimo.download({arguments.scenario!r}) fetches one"
        )
    loaded = dm.load(arguments.scenario, max_paths=arguments.paths)
    found: dict[tuple[int, int], list[Any]] = {}
    grids = set()
    for one in getattr(loaded, "datasets", [loaded]):
        grids.add(int(one.txrx["rx_set_id"]))
        if arguments.rx_set in (None, one.txrx["rx_set_id"]):
            found.setdefault((one.txrx["tx_set_id"], one.txrx["tx_idx"]), []).append(one)
    if not found:
        raise InputError(f"--rx-set: {arguments.rx_set}, want one of {sorted(grids)}")
    transmitters = list(found.values())
    if arguments.transmitters is None:
        return transmitters
    numbers = arguments.transmitters.split(",")
    if not set(numbers) <= {str(number) for number in range(len(transmitters))}:
        raise InputError(
            f"--transmitters: {arguments.transmitters!r}, "
            f"want numbers of 0 to {len(transmitters) - 1}"
        )
    return [transmitters[int(number)] for number in numbers]


def join(transmitters: list[list[Any]]) -> tuple[Paths, Floats]:
    """Return the paths of all transmitters to the points of all grids, and these points, (U, 3)."""
    width = max(grid["power"].shape[1] for grids in transmitters for grid in grids)

    def joined(field: str) -> Floats:
        return np.stack(
            [
                np.concatenate(
                    [
                        np.pad(
                            np.asarray(grid[field], dtype=np.float64),
                            ((0, 0), (0, width - grid[field].shape[1])),
                            constant_values=np.nan,
                        )
                        for grid in grids
                    ]
                )
                for grids in transmitters
            ]
        )

    rx_m = np.concatenate([np.asarray(grid["rx_pos"], np.float64) for grid in transmitters[0]])
    return Paths(*map(joined, Paths._fields)), rx_m


def main() -> None:
    """Convert."""
    arguments = read_arguments()
    for name in ("paths", "slots", "subbands"):
        checks.count(f"--{name}", getattr(arguments, name))
    for name in ("slot_ms", "speed_m_s", "bandwidth_hz"):
        checks.positive(f"--{name.replace('_', '-')}", getattr(arguments, name))
    try:
        import deepmimo as dm
    except ImportError as error:
        raise InputError(f"{error}: want `pip install deepmimo`") from None

    transmitters = load(dm, arguments)
    traced = transmitters[0][0]["rt_params"]
    carrier_hz, slot_s = float(traced["frequency"]), arguments.slot_ms / 1e3
    paths, rx_m = join(transmitters)
    by_sionna = traced["raytracer_name"] == dm.consts.RAYTRACER_NAME_SIONNA
    if arguments.carrier_phase == "add" or (arguments.carrier_phase == "auto" and by_sionna):
        paths = with_carrier(paths, carrier_hz)
    walked_m = np.arange(arguments.slots) * slot_s * arguments.speed_m_s
    users = choose_users(
        paths.power, rx_m, float(walked_m[-1]), np.random.default_rng(arguments.seed)
    )
    amplitude, delay_s = walk(paths, rx_m, users, walked_m, carrier_hz)
    gain = subband_gain(
        amplitude, delay_s, bandwidth_hz=arguments.bandwidth_hz, subbands=arguments.subbands
    )
    write_trace(
        arguments.output,
        gain=gain,
        sample_interval_s=slot_s,
        tx_m=np.array([np.ravel(grids[0]["tx_pos"])[:3] for grids in transmitters], np.float64),
        rx_m=rx_m[[points[0] for points in users]],
        carrier_hz=carrier_hz,
        bandwidth_hz=arguments.bandwidth_hz,
        speed_m_s=arguments.speed_m_s,
        scene=arguments.scenario,
        seed=arguments.seed,
        source=f"DeepMIMO {dm.__version__} scenario {arguments.scenario}, traced by "
        f"{traced['raytracer_name']} {traced['raytracer_version']}",
        licence=arguments.licence,
    )
    print(f"saved: {arguments.output}, {' x '.join(map(str, gain.shape))}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"{Path(__file__).name}: {error}")
