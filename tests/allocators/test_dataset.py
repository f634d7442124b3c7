import errno
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from allocators.training.dataset import (
    DatasetSettings,
    open_dataset,
    shard_path,
    write_dataset,
)
from allocators.training.samples import Setting
from allocators.wmmse import WMMSE
from sim.deadline.errors import InputError
from sim.deadline.files import part_path
from sim.problem import PowerControlProblem

SETTINGS = DatasetSettings(Setting(3, "rayleigh", 5.0), samples=2300, shard_size=500, seed=7)

HUGE = '{"links": 1e400, "channel": "rayleigh", "snr_db": 0, "samples": 1, "shard_size": 1}'


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "set"
    write_dataset(path, SETTINGS, workers=1)
    return path


def test_holds_wmmse_answers_to_channels_of_mean_one(folder: Path) -> None:
    with h5py.File(folder / "dataset.h5") as file:
        gain, power = file["gain"][:], file["power"][:]
        noise_w = file.attrs["noise_w"]
    assert gain.shape == (2300, 3, 3)
    assert gain.dtype == power.dtype == np.float32
    assert noise_w == pytest.approx(10**-0.5)
    wanted = WMMSE().solve(PowerControlProblem(gain, noise_w, 1.0)).power_w
    np.testing.assert_array_equal(power, wanted.astype(np.float32))
    # 20,700 draws from Exp(1): five standard errors, a false alarm in 2 million seeds.
    assert abs(gain.mean() - 1) < 5 / np.sqrt(gain.size)
    assert len(np.unique(gain)) > 0.99 * gain.size  # no shard repeats another


def test_reads_back_shard_by_shard(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert dataset.settings == SETTINGS
    shards = list(dataset.shards())
    assert [len(gain) for gain, _ in shards] == [500, 500, 500, 500, 300]
    with h5py.File(folder / "dataset.h5") as file:
        np.testing.assert_array_equal(np.concatenate([s[0] for s in shards]), file["gain"][:])
        np.testing.assert_array_equal(np.concatenate([s[1] for s in shards]), file["power"][:])


def test_bytes_do_not_depend_on_the_number_of_workers(folder: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", SETTINGS, workers=2)
    assert contents(tmp_path / "set") == contents(folder)


def test_goes_on_where_it_was_killed(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "set"
    seen: list[int] = []

    def die_after_two(more: int) -> None:
        seen.append(more)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="2 of 5 shards are kept: the same command goes on"):
        write_dataset(target, SETTINGS, 1, die_after_two)
    with pytest.raises(InputError, match="3 of 5 shards are missing"):
        open_dataset(target)
    part_path(shard_path(target, 2)).write_bytes(b"torn")
    shard_path(target, 3).write_bytes(b"not HDF5")
    kept = shard_path(target, 0).stat().st_mtime_ns
    more: list[int] = []
    write_dataset(target, SETTINGS, 1, more.append)
    assert more == [1000, 500, 500, 300]
    assert shard_path(target, 0).stat().st_mtime_ns == kept
    assert contents(target) == contents(folder)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (DatasetSettings(Setting(4, "rayleigh", 5.0), 2300, 500, 7), "links 3, now 4"),
        (DatasetSettings(Setting(3, "rician", 5.0), 2300, 500, 7), "channel rayleigh, now rician"),
        (DatasetSettings(Setting(3, "rayleigh", 0.0), 2300, 500, 7), r"snr_db 5\.0, now 0\.0"),
        (DatasetSettings(Setting(3, "rayleigh", 5.0), 2400, 500, 7), "samples 2300, now 2400"),
        (DatasetSettings(Setting(3, "rayleigh", 5.0), 2300, 100, 7), "shard_size 500, now 100"),
        (DatasetSettings(Setting(3, "rayleigh", 5.0), 2300, 500, 8), "seed 7, now 8"),
    ],
)
def test_other_settings_are_not_mixed_in(
    folder: Path, other: DatasetSettings, message: str
) -> None:
    before = contents(folder)
    with pytest.raises(InputError, match=message):
        write_dataset(folder, other, workers=1)
    assert contents(folder) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"):
        write_dataset(tmp_path, SETTINGS, workers=1)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_two_do_not_write_one_folder(tmp_path: Path) -> None:
    def meanwhile(_: int) -> None:
        with pytest.raises(InputError) as error:
            write_dataset(tmp_path / "set", SETTINGS, workers=1)
        assert str(error.value) == (
            f"{tmp_path / 'set'}: is being written by another process; wait for it, or name another"
            " folder"
        )

    write_dataset(tmp_path / "set", SETTINGS, 1, meanwhile)
    write_dataset(tmp_path / "set", SETTINGS, workers=1)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("")
    with pytest.raises(InputError, match="cannot write here"):
        write_dataset(tmp_path / "set", SETTINGS, workers=1)


def test_settings_cut_short_do_not_stop_the_next_run(tmp_path: Path) -> None:
    part = part_path(tmp_path / "settings.json")
    part.write_text('{"form')
    write_dataset(tmp_path, SETTINGS, workers=1)
    assert not part.exists()


def test_what_a_disk_has_no_room_for(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    large = DatasetSettings(Setting(3), free // (4 * 3 * 4) * 2, free)
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"No space left on device: .* MB to write, .* are free"):
        write_dataset(tmp_path, large, workers=1)
    assert time.monotonic() - begun < 5
    write_dataset(tmp_path, SETTINGS, workers=1)  # the folder is nobody's yet


def test_a_folder_without_a_shard_takes_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("allocators.training.dataset.write_shard", full)
        with pytest.raises(InputError, match="cannot write here: No space"):
            write_dataset(tmp_path, DatasetSettings(Setting(4), 100), workers=1)
    assert not contents(tmp_path)
    write_dataset(tmp_path, SETTINGS, workers=1)


@pytest.mark.parametrize(
    ("name", "value"), [("gain", np.nan), ("gain", -1.0), ("power", np.inf), ("power", 1.5)]
)
def test_damaged_shards(tmp_path: Path, name: str, value: float) -> None:
    write_dataset(tmp_path, SETTINGS, workers=1)
    with h5py.File(shard_path(tmp_path, 1), "r+") as file:
        file[name][0, 0] = value
    with pytest.raises(InputError, match=r"shard-00001\.h5: damaged: .*; delete it"):
        list(open_dataset(tmp_path).shards())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"links": "x"}', '{"links": 3', HUGE])
def test_damaged_settings(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="not a data set"):
        open_dataset(tmp_path)
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(InputError, match="not the settings of a data set"):
        open_dataset(tmp_path)


def test_draws_from_any_law_a_scenario_knows() -> None:
    rng = np.random.default_rng(5)
    rician = Setting(3, "{rician: {k_factor: 10 dB}}").draw(rng, 4000)
    # |h|^2 of K = 10: mean 1, variance (2K + 1) / (K + 1)^2 = 0.174, against Rayleigh's 1. Five
    # standard errors of 36,000 draws' variance (about 0.0014 each): 1 in 2 million seeds.
    assert abs(rician.var() - 21 / 121) < 0.007
    town = Setting(3, "{geometric: {side: 50 m}}").draw(rng, 100)
    assert town.mean() < 0.1
    assert len(np.unique(town)) == town.size
    cells = Setting(6, "{imac: {cells: 3}}").draw(rng, 10)
    np.testing.assert_array_equal(cells[:, 0], cells[:, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Setting(0), "links: 0"),
        (lambda: Setting(2001), "links: 2001, want at most 2000"),
        (lambda: DatasetSettings(Setting(3), 10**13), "are 1000000000 shards of 10000; want at"),
        (lambda: Setting(3, "raleigh"), "did you mean 'rayleigh'"),
        (lambda: Setting(3, "{rician: {k: 3}}"), r"channel\.rician\.k: unknown key"),
        (lambda: Setting(3, "{rician: [}"), "not YAML"),
        (lambda: Setting(3, ""), "channel"),
        (lambda: Setting(3, "{trace: a.h5}"), "recording"),
        (lambda: Setting(3, "{rayleigh: {links: 4}}"), "links: 4, but samples have 3"),
        (lambda: Setting(3, "{rayleigh: {subbands: 4}}"), "subbands: 4, but samples have 1"),
        (lambda: Setting(4, "imac"), "users"),
        (
            lambda: Setting(3, "{rayleigh: {evolution: jakes, doppler: 5 Hz}}"),
            "evolution: jakes; samples are independent",
        ),
        (lambda: Setting(3, "rayleigh", float("nan")), "snr_db: nan"),
        (lambda: DatasetSettings(Setting(3), 0), "samples: 0"),
        (lambda: DatasetSettings(Setting(3), 1, shard_size=0), "shard_size: 0"),
        (lambda: DatasetSettings(Setting(3), 1, seed=-1), "seed: -1"),
        (lambda: write_dataset(Path("x"), SETTINGS, workers=0), "workers: 0"),
    ],
)
def test_bad_values(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]
