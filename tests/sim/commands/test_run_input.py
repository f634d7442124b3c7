"""`ttirace run` and `validate`: input that cannot run, traces, output folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from in_process import TINY, Ttirace

from sim.deadline.files import part_path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["radio.weights=[1, 2]"], "radio.weights: has 2 values, the channel has 3 links"),
        (["radio.weights=[]"], "radio.weights: has 0 values"),
        (["radio={noise: 1 W, p_max: [1 W, 2 W]}"], "radio.p_max: has 2 values"),
        (["radio={noise_figure_db: 7}"], "radio.bandwidth: is required with noise_figure_db"),
        (["channel.rayleigh.links=20", "allocators=[exhaustive]"], "at most 14 links"),
        (["on_miss=best_so_far"], "'best_so_far' needs an anytime solver"),
        (["allocators=[{wmmse: {backend: x}}]"], "allocators: wmmse: wmmse.backend: should be"),
        (["on_miss={fallback: {wmmse: {backend: x}}}"], "wmmse.backend: should be"),
        (["channel={trace: nope.h5}"], "nope.h5: no such file"),
        (["channel={trace: .}"], "is a folder, want an HDF5 file"),
    ],
)
def test_what_cannot_be_built_leaves_nothing(
    changes: list[str], said: str, ttirace: Ttirace, tiny: Path, tmp_path: Path
) -> None:
    sets = [x for c in changes for x in ("--set", c)]
    for command in (["validate", tiny], ["run", tiny, "-o", tmp_path / "out"]):
        error = ttirace(*command, *sets).error
        assert error.startswith(f"{tiny}: ")
        assert said in error
    assert not (tmp_path / "out").exists()


def _trace(path: Path, gain: np.ndarray | None, **attrs: Any) -> None:
    with h5py.File(path, "w") as file:
        if gain is not None:
            file["gain"] = gain
        file.attrs.update({"sample_interval_s": 1e-3, "bandwidth_hz": 1e7} | attrs)


GAIN = np.random.default_rng(0).exponential(size=(30, 2, 3, 3))


@pytest.mark.parametrize(
    ("gain", "attrs", "said"),
    [
        (np.where(np.arange(3) == 1, np.nan, GAIN), {}, "[0, 0, 0, 1] is nan"),
        (-GAIN, {}, "want a finite gain, 0 or more"),
        (GAIN[:, 0], {}, "has 3 axes, shape (30, 3, 3), want 4 (time, subband, rx, tx)"),
        (GAIN[:, :, :2], {}, "has 2 rx and 3 tx"),
        (GAIN[:10], {}, "has 10 slots, the scenario needs 30"),
        (GAIN[:0], {}, "is empty"),
        (None, {}, "neither dataset 'H' nor 'gain'"),
        (GAIN, {"sample_interval_s": 2e-3}, "sample_interval_s is 0.002 but a slot takes 0.001"),
        (GAIN, {"sample_interval_s": "1 ms"}, "'sample_interval_s' is '1 ms', want seconds"),
        (GAIN, {"axes": "subband, time, rx, tx"}, "attribute 'axes' is"),
        (GAIN, {"bandwidth_hz": 0}, "'bandwidth_hz': 0, want a finite number above 0"),
        (GAIN, {"bandwidth_hz": np.nan}, "'bandwidth_hz': nan"),
        (GAIN, {"bandwidth_hz": "20 MHz"}, "'bandwidth_hz': '20 MHz'"),
    ],
)
def test_wrong_traces(
    gain: np.ndarray | None, attrs: dict[str, Any], said: str, ttirace: Ttirace, tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        TINY.replace("rayleigh: {links: 3, subbands: 2}", "trace: t.h5").replace(
            "snr_db: 0", "noise_figure_db: 7"
        )
    )
    _trace(tmp_path / "t.h5", GAIN)
    assert ttirace("validate", path).code == 0
    _trace(tmp_path / "t.h5", gain, **attrs)
    error = ttirace("run", path, "-o", tmp_path / "out").error
    assert error.startswith(f"{path}: {tmp_path / 't.h5'}: ")
    assert said in error
    assert not (tmp_path / "out").exists()


def test_a_real_amplitude_is_warned_of(ttirace: Ttirace, tmp_path: Path) -> None:
    path, trace = tmp_path / "s.yaml", tmp_path / "t.h5"
    path.write_text(TINY.replace("rayleigh: {links: 3, subbands: 2}", "trace: t.h5"))
    said = f"warning: {trace}: dataset 'H' holds real numbers, which are taken for amplitude"
    for amplitude, warned in ((GAIN, True), (GAIN.astype(complex), False)):
        with h5py.File(trace, "w") as file:
            file["H"] = amplitude
            file.attrs["sample_interval_s"] = 1e-3
        done = ttirace("run", path, "-o", tmp_path / "out", "--no-plots", "--overwrite")
        assert (done.code, said in done.err) == (0, warned)
        assert (said in ttirace("validate", path).out) == warned


def test_damaged_traces(ttirace: Ttirace, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TINY.replace("rayleigh: {links: 3, subbands: 2}", "trace: t.h5"))
    _trace(tmp_path / "t.h5", GAIN)
    whole = (tmp_path / "t.h5").read_bytes()
    for damaged in (b"", b"hello" * 100, whole[: len(whole) // 2], whole[:-64]):
        (tmp_path / "t.h5").write_bytes(damaged)
        assert "not a readable HDF5 file, or damaged" in ttirace("validate", path).error


def test_output_folders(ttirace: Ttirace, tiny: Path, tmp_path: Path) -> None:
    run = ["run", tiny, "--no-plots", "-o"]
    (tmp_path / "file").write_text("mine")
    assert "is a file; want a folder" in ttirace(*run, tmp_path / "file").error
    assert "cannot be used: Not a directory" in ttirace(*run, tmp_path / "file" / "x").error
    assert "cannot be used" in ttirace(*run, "/proc/nothing").error
    assert "cannot be used: File name too long" in ttirace(*run, tmp_path / ("x" * 300)).error
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    for flags in ([], ["--overwrite"]):
        assert "holds 'notes.txt', no run of ours" in ttirace(*run, other, *flags).error
    assert [p.name for p in other.iterdir()] == ["notes.txt"]
    assert (tmp_path / "file").read_text() == "mine"


def test_overwriting(ttirace: Ttirace, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ttirace("run", tiny, "-o", out).code == 0
    before = (out / "summary.json").read_bytes()
    again = ["run", tiny, "-o", out, "--no-plots", "--set", "allocators=[wmmse]"]
    assert "holds an earlier run; --overwrite replaces it" in ttirace(*again).error
    assert (out / "summary.json").read_bytes() == before
    # a wrong scenario must not cost the earlier run
    assert ttirace(*again, "--overwrite", "--set", "slots=0").code == 2
    assert (out / "summary.json").read_bytes() == before
    assert ttirace(*again, "--overwrite").code == 0
    assert [
        entry["name"] for entry in json.loads((out / "summary.json").read_text())["allocators"]
    ] == ["wmmse"]
    assert not (out / "plots").exists()
    assert not list((out / "log").glob("max_power*"))
    # what a killed run leaves half-written is no reason to refuse
    part = part_path(out / "summary.json")
    part.write_text("{")
    assert ttirace(*again, "--overwrite").code == 0
    assert not part.exists()


def test_output_goes_to_the_scenarios_name(
    ttirace: Ttirace, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ttirace("run", tiny, "--no-plots").code == 0
    assert (tmp_path / "out" / "tiny" / "summary.json").is_file()
    assert "no slashes" in ttirace("run", tiny, "--set", "name=../../x").error


def test_rates_that_are_not_finite_are_no_result(ttirace: Ttirace, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TINY.replace("rayleigh: {links: 3, subbands: 2}", "trace: t.h5"))
    _trace(tmp_path / "t.h5", 1e307 * GAIN)
    chosen = ["--set", "radio={noise: 1 W, p_max: 1e20 W}", "--no-plots"]
    assert "rates are not finite" in ttirace("run", path, "-o", tmp_path / "o", *chosen).error
    assert not (tmp_path / "o" / "summary.json").exists()
    assert json.loads((tmp_path / "o" / "manifest.json").read_text())["status"] == "running"


def test_what_is_set_wrongly_is_not_blamed_on_the_file(ttirace: Ttirace, tiny: Path) -> None:
    error = ttirace("validate", tiny, "--set", "seed=3", "--set", "slots=abc").error
    assert error.startswith("--set slots=abc: slots: want a whole number (got 'abc')")
