"""Points: the same figures as a run's, and addresses that change with all that they depend on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studies import SCENARIO, study

from sim.channel import write_trace
from sim.deadline import InputError
from sim.race import Race
from sim.result import summarize
from sim.scenario import Scenario
from sim.study import Study, digest
from sim.study.runner import run_batch, run_point
from sim.study.study import Row

GAMMA = {"gamma": {"mean": "2 ms", "shape": 2}}
PER_WORK = {"constant": {"per_work": "90 us"}}
BUSY: dict[str, Any] = {
    **SCENARIO,
    "slots": 300,
    "channel": {"rayleigh": {"links": 4, "subbands": 2, "evolution": "jakes", "doppler": "9 Hz"}},
    "budget": {"lead": 2, "csi": "100 us"},
    "compute": {
        "servers": 2,
        "discipline": "edf",
        "latency": {"gamma": {"mean": "2 ms", "shape": 2}},
    },
    "controllers": [{"numerology": 1}, {"offset": "12345 ns"}, {}],
    "allocators": [
        {
            "wmmse": {"restarts": 1},
            "on_miss": "best_so_far",
            "latency": {"constant": {"per_work": "90 us"}},
        },
        {"random": None, "on_miss": {"fallback": "max_power", "latency": {"constant": "9 us"}}},
        {"best_link": None, "label": "late", "on_overrun": "continue", "on_miss": "use_late"},
    ],
}


def test_figures_are_those_of_a_run_to_the_bit(tmp_path: Path) -> None:
    axes = {"compute.speed": [0.5, 1], "budget.csi": ["0 us", "300 us"]}
    loaded = study(tmp_path, scenario=BUSY, axes=axes)
    assert len(loaded.grid) == 12
    ratios = []
    summaries: dict[object, Any] = {}
    for row in loaded.grid:
        assert row.point is not None
        speed, csi_ns = row.cells
        compute = BUSY["compute"] | {"speed": speed}
        whole = BUSY | {"compute": compute, "budget": {"lead": 2, "csi_ns": csi_ns}}
        if row.cells not in summaries:
            race = Race(Scenario.model_validate(whole), tmp_path)
            summaries[row.cells] = summarize(race, race.run(tmp_path / f"log{row.order[0]}"))
        entries = summaries[row.cells]["allocators"]
        entry = next(entry for entry in entries if entry["name"] == row.allocator)
        record = run_point(row.point)
        assert record["status"] == "ok"
        for name in ("jobs", "met", "late", "aborted", "skipped", "failed", "miss_ratio", "jain"):
            assert record[name] == entry[name]
        assert [record["miss_low"], record["miss_high"]] == entry["miss_ratio_ci95"]
        for name in ("genie", "aged", "in_force"):
            assert record[f"{name}_bps_hz"] == entry["sum_rate_bps_hz"][name]
        for name in ("ageing", "miss"):
            assert record[f"{name}_loss_bps_hz"] == entry["loss_bps_hz"][name]
        for time in ("response", "service"):
            for which in ("p50", "p99", "p999", "max"):
                assert record[f"{time}_{which}_us"] == entry[f"{time}_us"][which]
        assert (record["links"], record["subbands"], record["controllers"]) == (4, 2, 3)
        assert (record["slot_us"], record["budget_us"]) == (500.0, 1000.0 - csi_ns / 1e3)
        ratios.append(record["miss_ratio"])
    assert any(0.1 < ratio < 0.9 for ratio in ratios)


def addresses(folder: Path, scenario: dict[str, Any] = SCENARIO, **keys: Any) -> list[str]:
    return [row.address for row in study(folder, scenario=scenario, replicates=2, **keys).grid]


@pytest.mark.parametrize(
    "same",
    [
        {"name": "another", "description": "words"},
        {"allocators": [{"max_power": {}, "label": "a"}, {"allocator": "best_link", "label": "b"}]},
        {
            "slot": "1000 us",
            "compute": {"servers": 1, "latency": {"lognormal": {"median_us": 300, "sigma": 0.8}}},
        },
    ],
)
def test_names_and_spellings_do_not_matter(same: dict[str, Any], tmp_path: Path) -> None:
    base = SCENARIO | {"slot": "1 ms"}
    assert addresses(tmp_path, base) == addresses(tmp_path, base | same)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 6},
        {"slots": 61},
        {"slot": "0.9 ms"},
        {"on_miss": "use_late"},
        {"radio": {"snr_db": 11}},
        {"compute": {"latency": {"lognormal": {"median": "301 us", "sigma": 0.8}}}},
        {"allocators": ["random", {"wmmse": {"restarts": 1}}]},
    ],
)
def test_all_else_does(other: dict[str, Any], tmp_path: Path) -> None:
    assert not set(addresses(tmp_path)) & set(addresses(tmp_path, SCENARIO | other))


def test_a_point_stays_when_the_study_around_it_changes(tmp_path: Path) -> None:
    first = study(tmp_path, axes={"channel.links": [2, 3]}).grid
    wider = study(
        tmp_path, axes={"compute.speed": [1, 2], "channel.links": [5, 3, 2]}, replicates=2
    )
    assert {row.address for row in first} <= {row.address for row in wider.grid}
    more = SCENARIO | {"allocators": [*SCENARIO["allocators"], "random"]}
    assert set(addresses(tmp_path)) < set(addresses(tmp_path, more))


def test_files_count_by_their_content(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("a", "b"):
        gain = rng.exponential(size=(80, 1, 3, 3))
        write_trace(tmp_path / f"{name}.h5", gain=gain, sample_interval_s=1e-3)
    a = SCENARIO | {"channel": {"trace": "a.h5"}}
    before = addresses(tmp_path, a)
    assert before != addresses(tmp_path, SCENARIO | {"channel": {"trace": "b.h5"}})
    (tmp_path / "c.h5").write_bytes((tmp_path / "a.h5").read_bytes())
    assert before == addresses(tmp_path, SCENARIO | {"channel": {"trace": "c.h5"}})
    (tmp_path / "a.h5").write_bytes((tmp_path / "b.h5").read_bytes())
    assert before != addresses(tmp_path, a)
    with pytest.raises(InputError, match=r"d\.h5: no such file"):
        addresses(tmp_path, SCENARIO | {"channel": {"trace": "d.h5"}})


def test_weights_count_by_their_content_wherever_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = Path("allocators/weights").resolve()
    beside, here = tmp_path / "beside", tmp_path / "here"
    for folder in (beside, here):
        folder.mkdir()
    for end in ("safetensors", "json"):
        shutil.copy(shipped / f"unfolded_s.{end}", beside / f"mine.{end}")
        shutil.copy(shipped / f"unfolded_s.{end}", here / f"other.{end}")
    monkeypatch.chdir(here)  # a file is looked for beside the scenario, then here

    def at(start: Any) -> list[str]:
        return addresses(beside, SCENARIO | {"allocators": [{"anytime": {"start": start}}]})

    first = at({"unfolded": {"model": "mine.safetensors"}})
    assert first == at({"unfolded": {"model": "other.safetensors"}})
    assert first != at("unfolded")
    fallback = {"on_miss": {"fallback": {"unfolded": {"model": "mine.safetensors"}}}}
    latency = {"fallback": {"unfolded": {"model": "other.safetensors"}}}
    assert addresses(beside, SCENARIO | fallback) == addresses(
        beside, SCENARIO | {"on_miss": latency}
    )


def test_the_code_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = addresses(tmp_path)
    package = tmp_path / "a_package"
    package.mkdir()
    (package / "__init__.py").write_text("x = 1\n")
    (package / "weights.json").write_text("{}")
    monkeypatch.setattr(digest, "allocator_packages", lambda: {"a_package", "gone"})
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = {digest.code_digest()}
    for name in ("__init__.py", "weights.json", "new.py"):
        digest._packages_digest.cache_clear()
        (package / name).write_text("changed")
        seen.add(digest.code_digest())
    assert len(seen) == 4
    for name in (".hidden", "__pycache__"):
        digest._packages_digest.cache_clear()
        (package / name).mkdir()
        (package / name / "x.py").write_text("")
        seen.add(digest.code_digest())
    assert len(seen) == 4
    plugin = tmp_path / "plugin.py"
    for text in ("a = 1", "a = 2"):
        plugin.write_text(text)
        seen.add(digest.code_digest([str(plugin)]))
    assert len(seen) == 6
    digest._packages_digest.cache_clear()
    assert not set(before) & set(addresses(tmp_path))
    with pytest.raises(InputError, match="--plugin nowhere: no such file or module"):
        digest.code_digest(["nowhere"])


@pytest.fixture(autouse=True)
def _digests_afresh() -> Any:
    yield
    digest._packages_digest.cache_clear()


def grid(tmp_path: Path, **keys: Any) -> tuple[Study, list[Row]]:
    loaded = study(tmp_path, **{"replicates": 2, **keys})
    return loaded, loaded.grid


def test_a_worker_with_other_code_or_files_refuses(tmp_path: Path) -> None:
    loaded, rows = grid(tmp_path)
    points = [tuple(row.point or ()) for row in rows]
    records, _ = run_batch(points, loaded.code, ())
    assert [record["status"] for record in records] == ["ok"] * 4
    with pytest.raises(InputError, match=r"worker .* runs another version of the code"):
        run_batch(points, "0" * 64, ())
    with pytest.raises(InputError, match=r"worker .*: --plugin .*/lost\.py: no such file"):
        run_batch(points, loaded.code, (str(tmp_path / "lost.py"),))
    first = rows[0].point
    assert first is not None
    for path, said in ((tmp_path / "lost.h5", "no such file"), (tmp_path / "study.yaml", "began")):
        with pytest.raises(InputError, match=f"worker .*: {path}: .*{said}"):
            run_batch([first._replace(files=((str(path), "0"),))], loaded.code, ())


def test_a_point_that_cannot_be_had_is_a_record(tmp_path: Path) -> None:
    scenario = SCENARIO | {"allocators": [{"dnn": {"model": "dnn_k10"}, "label": "x"}]}
    _, rows = grid(tmp_path, scenario=scenario)
    assert rows[0].point is not None
    record = run_point(rows[0].point)
    assert record["status"] == "refused"
    assert record["reason"].startswith("allocators: dnn: ")
    assert (record["links"], record["miss_ratio"], record["jobs"]) == (3, None, None)
