"""The results folder, and what the summary makes of the tallies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from plugin_allocators import registered, run_race, scenario

from sim.build import build_feed
from sim.deadline import InputError, read_log
from sim.race import Race
from sim.result import ResultFolder, jain
from sim.scenario import load_scenario


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    with registered(), patch("gc.collect"):
        yield


def test_two_runs_never_mix(tmp_path: Path) -> None:
    first = ResultFolder(tmp_path / "out")
    first.write_manifest("running", scenario(), tmp_path)
    run_log = first.log / "tilted-00000.parquet"
    run_log.parent.mkdir()
    run_log.touch()
    with pytest.raises(InputError, match="a run is at work there"):
        ResultFolder(first.path, overwrite=True)
    first.close()
    with pytest.raises(InputError, match="holds an earlier run; --overwrite replaces it"):
        ResultFolder(first.path)
    assert run_log.exists()
    ResultFolder(first.path, overwrite=True)
    assert list(first.path.iterdir()) == []


@pytest.mark.parametrize("name", ["thesis.tex", "log"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_of_anybody_elses_is_thrown_away(
    name: str, overwrite: bool, tmp_path: Path
) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"holds '{name}', no run of ours"):
        ResultFolder(tmp_path, overwrite)
    assert (tmp_path / name).exists()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file; want a folder"):
        ResultFolder(tmp_path / "out")


def test_manifest_and_scenario(tmp_path: Path) -> None:
    loaded = scenario()
    folder = ResultFolder(tmp_path / "out")
    folder.write_scenario(loaded, tmp_path)
    folder.write_manifest("complete", loaded, tmp_path)
    manifest = json.loads((folder.path / "manifest.json").read_text())
    assert (manifest["status"], manifest["scenario"], manifest["seed"]) == ("complete", "test", 3)
    assert len(manifest["scenario_sha256"]) == 64
    assert manifest["versions"]["numpy"] == np.__version__
    # The resolved scenario runs as it stands, to the same end.
    again = load_scenario(folder.path / "scenario.yaml")
    assert run_race(again, tmp_path / "again") == run_race(loaded, tmp_path / "first")


@pytest.mark.parametrize("stop_after", [1, 9, 40])
def test_what_was_logged_before_an_interrupt_is_readable(stop_after: int, tmp_path: Path) -> None:
    loaded = scenario(slots=3000, allocators=["tilted", "max_power"])
    whole = tmp_path / "whole"
    Race(loaded, tmp_path).run(whole)
    calls = 0

    def interrupt(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Race(loaded, tmp_path).run(tmp_path / "cut", interrupt)
    for name in ("tilted", "max_power"):
        cut, all_rows = (
            read_log(folder, name=name).combine_chunks() for folder in (tmp_path / "cut", whole)
        )
        assert cut.num_rows < all_rows.num_rows
        assert cut.to_pylist() == all_rows.slice(0, cut.num_rows).to_pylist()
    # the first of the two is never behind, and all it did is there but for the slot under way
    windows = (stop_after + 1) // 2
    rows = read_log(tmp_path / "cut", name="tilted").num_rows
    assert rows == windows * Race(loaded, tmp_path).feeds[0].window_slots - 1


def test_a_race_too_short_for_its_lead_has_no_rates(tmp_path: Path) -> None:
    entry = run_race(scenario(slots=2, budget={"lead": 3}), tmp_path)["allocators"][0]
    assert (entry["jobs"], entry["met"]) == (2, 2)
    assert entry["sum_rate_bps_hz"] == {"genie": None, "aged": None, "in_force": None}
    assert entry["loss_bps_hz"] == {"ageing": None, "miss": None}
    assert entry["per_user_p5_bps_hz"] is entry["jain"] is None


def test_jain() -> None:
    assert jain(np.array([2.0, 2.0, 2.0])) == pytest.approx(1.0)
    assert jain(np.array([3.0, 0.0, 0.0])) == pytest.approx(1 / 3)
    assert jain(np.zeros(3)) is None


@pytest.mark.parametrize(
    ("radio", "noise_w"),
    [
        ({"p_max_w": 2.0, "snr_db": 10}, 0.1),  # 1 W in each of two subbands, 10 dB below it
        ({"noise_w": 0.25}, 0.25),
        # -174 + 7 dBm/Hz over 10 MHz: -97 dBm
        ({"noise_figure_db": 7, "bandwidth_hz": 20e6}, 10**-9.7 * 1e-3),
    ],
)
def test_noise_and_caps(radio: dict[str, float], noise_w: float) -> None:
    loaded = scenario(radio=radio)
    feed = build_feed(loaded, loaded.controller(0), Path())
    np.testing.assert_allclose(feed.noise_w, np.full((2, 3), noise_w), rtol=1e-12)
    np.testing.assert_array_equal(feed.p_max_w, np.full((2, 3), radio.get("p_max_w", 1.0) / 2))


def test_caps_and_weights_of_each_link() -> None:
    loaded = scenario(radio={"p_max_w": [1.0, 2.0, 4.0], "noise_w": 1.0, "weights": [3, 1, 0]})
    feed = build_feed(loaded, loaded.controller(0), Path())
    assert feed.p_max_w.tolist() == [[0.5, 1.0, 2.0]] * 2
    assert feed.weight.tolist() == [3.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("radio", "message"),
    [
        ({"p_max_w": [1.0, 2.0], "noise_w": 1.0}, "radio.p_max: has 2 values, .* 3 links"),
        ({"noise_w": 1.0, "weights": [1.0]}, "radio.weights: has 1 values, .* 3 links"),
        ({"noise_figure_db": 7}, "radio.bandwidth: is required"),
    ],
)
def test_a_radio_that_does_not_fit_is_one_line(
    radio: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        Race(scenario(radio=radio), tmp_path)
