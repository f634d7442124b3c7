"""The scripts that make traces of ray tracers' data: their own arithmetic, and what they refuse."""

from __future__ import annotations

import cmath
import importlib.util
import math
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from sim.channel import TraceChannel, subband_gain, write_trace
from sim.deadline import InputError

EXAMPLES = Path(__file__).parents[2] / "examples"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


deepmimo = script("deepmimo_trace")
sionna = script("sionna_rt_trace")

X, Y = np.meshgrid(np.arange(6) * 2.0, np.arange(3) * 5.0)
GRID_M = np.stack([X.ravel(), Y.ravel(), np.full(X.size, 1.5)], axis=1)  # 6 points a row, 2 m apart
P, CARRIER_HZ = 3, 3.5e9


@pytest.fixture
def paths():
    """Two transmitters; some paths are not there."""
    rng = np.random.default_rng(3)
    shape = (2, len(GRID_M), P)
    made = [
        rng.uniform(-90, -60, shape),
        rng.uniform(-180, 180, shape),
        rng.uniform(1e-7, 1e-6, shape),
        rng.uniform(-180, 180, shape),
        rng.uniform(0, 180, shape),
    ]
    gone = rng.random(shape) < 0.3
    gone[..., 0] = False
    return deepmimo.Paths(*(np.where(gone, np.nan, field) for field in made))


def test_a_walk_against_a_plain_loop(paths) -> None:
    users = [np.array([1, 2, 3]), np.array([14, 15, 16])]
    walked_m = np.array([0.0, 0.4, 0.99, 1.01, 2.5, 3.9])
    amplitude, delay_s = deepmimo.walk(paths, GRID_M, users, walked_m, CARRIER_HZ)
    assert amplitude.shape == delay_s.shape == (6, 2, 2, P)
    for n, rx, tx, p in np.ndindex(amplitude.shape):
        x = GRID_M[users[rx][0], 0] + walked_m[n]
        point = min(users[rx], key=lambda u: abs(GRID_M[u, 0] - x))
        if math.isnan(paths.power[tx, point, p]):
            assert amplitude[n, rx, tx, p] == 0
            continue
        zenith = math.radians(paths.aoa_el[tx, point, p])
        azimuth = math.radians(paths.aoa_az[tx, point, p])
        nearer_m = math.sin(zenith) * math.cos(azimuth) * (x - GRID_M[point, 0])
        turn = math.radians(paths.phase[tx, point, p])
        turn += 2 * math.pi * CARRIER_HZ * nearer_m / 299792458
        wanted = 10 ** (paths.power[tx, point, p] / 20) * cmath.exp(1j * turn)
        assert amplitude[n, rx, tx, p] == pytest.approx(wanted, rel=1e-6)
        shorter_s = paths.delay[tx, point, p] - delay_s[n, rx, tx, p]
        assert shorter_s == pytest.approx(nearer_m / 299792458, abs=1e-15)


def test_a_walk_past_a_wall_is_what_geometry_says() -> None:
    """Two paths, a direct one and one by a wall: far off, interpolation hits the exact field."""
    source_m, image_m = np.array([-3e4, 40.0, 1.5]), np.array([3e4, -40.0, 1.5])

    def seen_from(place_m):
        rays = np.stack([source_m, image_m]) - place_m[..., None, :]
        far_m = np.linalg.norm(rays, axis=-1)
        return far_m, rays / far_m[..., None]

    far_m, unit = seen_from(GRID_M)
    one = deepmimo.Paths(
        -20 * np.log10(far_m)[None],
        np.degrees(-2 * np.pi * (far_m[None] * CARRIER_HZ / 299792458 % 1)),
        far_m[None] / 299792458,
        np.degrees(np.arctan2(unit[..., 1], unit[..., 0]))[None],
        np.degrees(np.arccos(unit[..., 2]))[None],
    )
    walked_m = np.linspace(0, 8, 50)
    amplitude, delay_s = deepmimo.walk(one, GRID_M, [np.arange(5)], walked_m, CARRIER_HZ)
    gain = subband_gain(amplitude, delay_s, bandwidth_hz=20e6, subbands=2)
    there = GRID_M[0] + walked_m[:, None] * np.array([1.0, 0, 0])
    far_m, _ = seen_from(there)
    exact = subband_gain(
        (np.exp(-2j * np.pi * CARRIER_HZ * far_m / 299792458) / far_m)[:, None, None],
        far_m[:, None, None] / 299792458,
        bandwidth_hz=20e6,
        subbands=2,
    )
    assert exact.max() > 3 * exact.min()  # there is a pattern to be hit
    assert gain == pytest.approx(exact, rel=0.02, abs=0.02 * exact.max())


def test_phases_without_the_carrier_are_turned_by_it(paths) -> None:
    turned = deepmimo.with_carrier(paths, CARRIER_HZ)
    expected = paths.phase - 360 * CARRIER_HZ * paths.delay
    assert np.allclose(
        np.exp(1j * np.radians(turned.phase)),
        np.exp(1j * np.radians(expected)),
        atol=1e-8,
        equal_nan=True,
    )


def test_a_walk_goes_as_far_as_its_row() -> None:
    assert deepmimo.stretch(GRID_M, 1, 4.0).tolist() == [1, 2, 3]
    assert deepmimo.stretch(GRID_M, 7, 8.0).tolist() == [7, 8, 9, 10, 11]
    assert deepmimo.stretch(GRID_M, 7, 8.1) is None
    assert deepmimo.stretch(GRID_M, 5, 0.1) is None
    shuffled = np.random.default_rng(1).permutation(len(GRID_M))
    found = deepmimo.stretch(GRID_M[shuffled], int(np.flatnonzero(shuffled == 1)[0]), 4.0)
    assert shuffled[found].tolist() == [1, 2, 3]
    without = np.delete(GRID_M, 3, axis=0)
    assert deepmimo.stretch(without, 1, 4.0) is None
    assert deepmimo.stretch(without, 1, 2.0).tolist() == [1, 2]


def test_grids_are_joined(paths) -> None:
    """Two grids, from which more paths of one come than of the other."""

    def grid(j, points, most):
        fields = {name: field[j, points, :most] for name, field in paths._asdict().items()}
        return {**fields, "rx_pos": GRID_M[points]}

    made = [[grid(j, slice(0, 6), 2), grid(j, slice(6, 18), P)] for j in range(2)]
    joined, rx_m = deepmimo.join(made)
    assert np.array_equal(rx_m, GRID_M)
    for field, all_of_it in zip(joined, paths, strict=True):
        assert np.array_equal(field[:, 6:], all_of_it[:, 6:], equal_nan=True)
        assert np.array_equal(field[:, :6, :2], all_of_it[:, :6, :2], equal_nan=True)
        assert np.isnan(field[:, :6, 2]).all()


def test_users_are_served_by_whom_they_hear_best(paths) -> None:
    paths.power[0, :9] += 60
    paths.power[1, 9:] += 60
    for seed in range(10):
        users = deepmimo.choose_users(paths.power, GRID_M, 4.0, np.random.default_rng(seed))
        assert users[0][0] < 9 <= users[1][0]
        assert all(len(points) == 3 for points in users)
    paths.power[0] += 200
    with pytest.raises(InputError, match="transmitter 1: nobody hears it best"):
        deepmimo.choose_users(paths.power, GRID_M, 4.0, np.random.default_rng(1))


def test_a_converted_walk_is_a_trace(paths, tmp_path) -> None:
    users = [np.array([1, 2, 3]), np.array([14, 15, 16])]
    amplitude, delay_s = deepmimo.walk(paths, GRID_M, users, np.arange(5) * 0.5, CARRIER_HZ)
    gain = subband_gain(amplitude, delay_s, bandwidth_hz=20e6, subbands=4)
    write_trace(tmp_path / "walk.h5", gain=gain, sample_interval_s=1e-3)
    assert TraceChannel(tmp_path / "walk.h5", 1e-3, 5).block(5) == pytest.approx(gain)


def test_pairs_are_placed_as_asked() -> None:
    arguments = sionna.read_arguments(["-o", "x.h5", "--links", "50", "--distance-m", "12"])
    start_m, velocity = sionna.place(arguments)
    assert start_m.shape == velocity.shape == (2, 50, 3)
    x0, y0, x1, y1 = arguments.area
    assert np.all((start_m[..., :2] >= (x0, y0)) & (start_m[..., :2] <= (x1, y1)))
    apart_m = np.linalg.norm(start_m[0] - start_m[1], axis=-1)
    assert apart_m.min() >= 1
    assert 10 < apart_m.max() <= 12
    assert np.linalg.norm(velocity, axis=-1) == pytest.approx(np.full((2, 50), 0.8))
    assert len(np.unique(velocity[..., 0])) == 100
    tight = sionna.read_arguments(["-o", "x.h5", "--area", "0", "0", "0.5", "0.5"])
    with pytest.raises(InputError, match="--distance-m: 10 leaves no place"):
        sionna.place(tight)


class Terminal:
    def __init__(self, name, position, velocity):
        self.name, self.position, self.velocity = name, position, velocity


class Transmitter(Terminal):
    pass


class Receiver(Terminal):
    pass


class FreeSpace:
    """What the script uses of Sionna RT's scene, solver and paths: one path, in free space."""

    def __init__(self, *given):
        self.terminals = []

    def add(self, terminal):
        self.terminals.append(terminal)

    def __call__(self, scene, **settings):
        tx, rx = (
            [(t.position, t.velocity) for t in scene.terminals if isinstance(t, kind)]
            for kind in (Transmitter, Receiver)
        )
        # (2, rx, tx, 3): where they are from each other, and how that changes
        self.apart = np.array(rx).swapaxes(0, 1)[:, :, None] - np.array(tx).swapaxes(0, 1)[:, None]
        self.frequency = scene.frequency
        return self

    def cir(self, sampling_frequency, num_time_steps, normalize_delays, out_type):
        assert (normalize_delays, out_type) == (False, "numpy")
        away = self.apart[0, ..., None] + self.apart[1, ..., None] * (
            np.arange(num_time_steps) / sampling_frequency
        )
        far_m = np.linalg.norm(away, axis=2)  # (rx, tx, time)
        h = np.exp(-2j * np.pi * self.frequency * far_m / 299792458) / far_m
        return h[:, None, :, None, None], far_m[..., :1] / 299792458


def run(name: str, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *given])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def test_walks_in_free_space(tmp_path, monkeypatch) -> None:
    rt = ModuleType("sionna.rt")
    given = {"Transmitter": Transmitter, "Receiver": Receiver, "PathSolver": FreeSpace}
    for name, value in {**given, "load_scene": FreeSpace, "__version__": "of a test"}.items():
        setattr(rt, name, value)
    rt.scene = SimpleNamespace(open_field=str(EXAMPLES / "random_agent.py"))
    rt.PlanarArray = lambda **given: given
    monkeypatch.setitem(sys.modules, "sionna", SimpleNamespace(rt=rt))
    monkeypatch.setitem(sys.modules, "sionna.rt", rt)
    path = tmp_path / "field.h5"
    few = ["--slots", "25", "--links", "3", "--retrace", "10", "--speed-m-s", "50"]
    run("sionna_rt_trace", [*few, "--scene", "open_field", "-o", str(path)], monkeypatch)

    trace = TraceChannel(path, 1e-3, 25)
    gain = trace.block(25)
    assert gain.shape == (25, 4, 3, 3)
    _, velocity = sionna.place(sionna.read_arguments(["-o", "x.h5", *few]))
    for n, s, rx, tx in np.ndindex(gain.shape):
        moved_m = n * 1e-3 * (velocity[1, rx] - velocity[0, tx])
        far_m = np.linalg.norm(trace.rx_m[rx] - trace.tx_m[tx] + moved_m)
        assert gain[n, s, rx, tx] == pytest.approx(far_m**-2)
    assert "Sionna RT of a test" in str(trace.source)
    assert trace.attrs["licence"]


def test_a_data_set_from_end_to_end(paths, tmp_path, monkeypatch) -> None:
    paths.power[0, :9] += 60
    paths.power[1, 9:] += 60

    def data_set(j):
        fields = {name: field[j] for name, field in paths._asdict().items()}
        traced = {"frequency": CARRIER_HZ, "raytracer_name": "a", "raytracer_version": "test"}
        more = {"rx_pos": GRID_M, "tx_pos": np.array([[j, 2.0, 9.0]]), "rt_params": traced}
        return type("DataSet", (dict,), {"txrx": {"rx_set_id": 4, "tx_set_id": 1, "tx_idx": j}})(
            fields | more
        )

    dm = ModuleType("deepmimo")
    dm.get_scenario_folder = lambda name: str(tmp_path)
    dm.load = lambda name, max_paths: SimpleNamespace(datasets=[data_set(0), data_set(1)])
    dm.consts = SimpleNamespace(RAYTRACER_NAME_SIONNA="Sionna Ray Tracing")
    dm.__version__ = "4"
    monkeypatch.setitem(sys.modules, "deepmimo", dm)
    few = ["--slots", "30", "--speed-m-s", "100", "--transmitters", "1,0"]
    run("deepmimo_trace", ["grid", *few, "-o", str(tmp_path / "grid.h5")], monkeypatch)

    trace = TraceChannel(tmp_path / "grid.h5", 1e-3, 30)
    assert trace.tx_m.tolist() == [[1, 2, 9], [0, 2, 9]]
    start = [int(np.flatnonzero((place == GRID_M).all(axis=1))[0]) for place in trace.rx_m]
    assert start[1] < 9 <= start[0]
    swapped = deepmimo.Paths(*(field[::-1] for field in paths))
    users = [deepmimo.stretch(GRID_M, point, 2.9) for point in start]
    amplitude, delay_s = deepmimo.walk(swapped, GRID_M, users, np.arange(30) * 0.1, CARRIER_HZ)
    expected = subband_gain(amplitude, delay_s, bandwidth_hz=20e6, subbands=4)
    assert trace.block(30) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scene", "given", "says"),
    [
        ("munich", [], "OpenStreetMap"),
        ("simple_street_canyon", [], "Apache-2.0"),
        (str(EXAMPLES / "random_agent.py"), [], "not stated"),
        (str(EXAMPLES / "random_agent.py"), ["--licence", "CC0"], "CC0"),
    ],
)
def test_a_scene_is_credited(scene: str, given: list[str], says: str) -> None:
    arguments = sionna.read_arguments(["-o", "x.h5", "--scene", scene, *given])
    assert says in sionna.licence(arguments)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("deepmimo_trace", ["any", "-o", "x.h5"], r"want `pip install deepmimo`"),
        ("sionna_rt_trace", ["-o", "x.h5"], r"want `pip install sionna-rt`"),
        ("deepmimo_trace", ["any", "-o", "x.h5", "--slots", "0"], r"--slots: 0, want an integer"),
        ("sionna_rt_trace", ["-o", "x.h5", "--slot-ms", "0"], r"--slot-ms: 0.0, want a finite"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    name: str, given: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for module in ("deepmimo", "sionna"):  # None makes its import fail, installed or not
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit) as ended:
        run(name, given, monkeypatch)
    message = str(ended.value.code)
    assert re.fullmatch(rf"{name}\.py: .*{says}.*", message)
    assert not list(tmp_path.iterdir())
