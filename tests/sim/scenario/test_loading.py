"""Short forms, overrides, and what is said of files that are wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.deadline import InputError, OnMiss
from sim.scenario import Scenario, dump_scenario, load_scenario
from sim.scenario import text as text_module
from sim.scenario.allocators import with_files
from sim.scenario.text import parse

SHIPPED = sorted(Path("scenarios").glob("*.yaml"))
BASE: dict[str, Any] = {
    "channel": {"rayleigh": {"links": 3}},
    "radio": {"snr_db": 0},
    "allocators": ["wmmse"],
}
TEXT = "slots: 5\nchannel: rayleigh\nradio: {snr_db: 0}\nallocators: [wmmse]\n"


def scenario(**changes: Any) -> Scenario:
    return Scenario.model_validate({**BASE, **changes})


@pytest.mark.parametrize(
    "written",
    [
        "rayleigh",
        {"rayleigh": None},
        {"rayleigh": {}},
        {"rayleigh": 10},
        {"rayleigh": {"links": 10}},
        {"model": "rayleigh"},
        {"model": "rayleigh", "links": 10, "subbands": 1},
    ],
)
def test_channel_short_forms(written: object) -> None:
    full = {"model": "rayleigh", "links": 10, "subbands": 1, "evolution": "iid"}
    assert scenario(channel=written) == scenario(channel=full)


@pytest.mark.parametrize(
    "written",
    [
        {"constant": "1 us"},
        {"constant": {"base": "1 us"}},
        {"constant": {"base_us": 1}},
        {"constant": "1 us", "per_work": "0 ns"},
        {"model": "constant", "base_ns": 1000},
    ],
)
def test_latency_short_forms(written: object) -> None:
    full = {"model": "constant", "base_ns": 1000, "per_work_ns": 0}
    assert scenario(compute={"latency": written}) == scenario(compute={"latency": full})


@pytest.mark.parametrize(
    "written",
    [
        "wmmse",
        {"wmmse": None},
        {"wmmse": {}},
        {"wmmse": {}, "label": "wmmse"},
        {"wmmse": {}, "label": None},
        {"allocator": "wmmse"},
        {"allocator": "wmmse", "parameters": {}, "label": "wmmse"},
    ],
)
def test_allocator_short_forms(written: object) -> None:
    assert scenario(allocators=[written]) == scenario()


def test_policy_short_forms() -> None:
    for policy in ("hold", "best_so_far", "use_late"):
        assert scenario(on_miss=policy).on_miss.policy == OnMiss(policy)
    short = scenario(on_miss={"fallback": "max_power", "latency": {"constant": "1 us"}})
    full = {
        "policy": "fallback",
        "fallback": {"allocator": "max_power", "latency": {"constant": {"base": "1 us"}}},
    }
    assert short == scenario(on_miss=full)
    assert scenario(on_miss={"fallback": {"wmmse": {"backend": "numpy"}}}).on_miss.fallback


@pytest.mark.parametrize(
    ("written", "number"),
    [("1e3", 1000), ("1.5E+1", 15), ("+2e0", 2), ("'010'", 10), ("0x10", 16), ("7", 7)],
)
def test_numbers_as_people_read_them(written: str, number: int, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT.replace("slots: 5", f"slots: {written}") + f"seed: {written}\n")
    scenario = load_scenario(path)
    assert (scenario.slots, scenario.seed) == (number, number)
    assert isinstance(scenario.slots, int)
    assert parse("", "[1e, e3, 1e3s, 1.e3, .5e1, 0]") == ["1e", "e3", "1e3s", 1000.0, 5.0, 0]


def test_controllers_by_number() -> None:
    assert scenario(controllers=3) == scenario(controllers=[{}, {}, {}])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_resolved_scenario_loads_to_the_same(path: Path, tmp_path: Path) -> None:
    loaded = load_scenario(path)
    again = tmp_path / "scenario.yaml"
    again.write_text(dump_scenario(loaded, path.parent))
    resolved = load_scenario(again)
    if "path" in resolved.channel.model_dump():
        assert (tmp_path / resolved.channel.path).is_file()  # type: ignore[union-attr]
        channel = resolved.channel.model_copy(update={"path": loaded.channel.path})  # type: ignore[union-attr]
        resolved = resolved.model_copy(update={"channel": channel})
    assert resolved == loaded


def test_files_among_parameters_however_deep(tmp_path: Path) -> None:
    (tmp_path / "my.safetensors").touch()
    parameters = {"start": {"dnn": {"model": "my.safetensors", "threshold": None}}, "other": "a.b"}
    assert with_files(parameters, tmp_path) == {
        "start": {"dnn": {"model": str(tmp_path / "my.safetensors"), "threshold": None}},
        "other": "a.b",
    }


def test_name_is_the_stem_if_not_given(tmp_path: Path) -> None:
    (tmp_path / "my race.yaml").write_text(TEXT)
    assert load_scenario(tmp_path / "my race.yaml").name == "my race"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("slots=7", None),
        ("slots = 7", "unknown key"),
        ("channel.links=4", None),
        ("channel={rician: {k_factor: 6 dB}}", None),
        ("compute.latency={constant: 5 us}", None),
        ("on_miss.fallback=max_power", None),
        ("on_miss=hold", None),
        ("allocators.0=fp", None),
        ("allocators.0.wmmse.backend=numpy", None),
        ("allocators=[max_power, fp]", None),
        ("controllers=2", None),
        ("slots", "want key=value"),
        ("=5", "want key=value"),
        ("a..b=5", "want key=value"),
        ("slots=", r"slots: want a whole number \(got null\)"),
        ("slots=[", "not YAML"),
        ("slots=!!timestamp x", "not YAML"),
        ("slots=2020-01-01", "reads as a date; quote it"),
        ("slots=&a [*a]", "nested too deeply"),
        ("allocators.1=fp", "not one of the 1 places in allocators"),
        ("allocators.x=fp", "not one of the 1 places"),
        ("slotz=5", "slotz: unknown key; did you mean 'slot"),
        ("channel.link=5", "channel.link: unknown key; did you mean 'links'"),
    ],
)
def test_overrides(override: str, said: str | None, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    if said is None:
        same = load_scenario(path, [override]) == load_scenario(path)
        assert same is (override == "on_miss=hold")  # what it is without
        return
    with pytest.raises(InputError, match=said) as caught:
        load_scenario(path, [override])
    assert "\n" not in str(caught.value)


def test_overrides_do_not_reach_through_references(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT + "controllers: [&c {offset: 1 us}, *c]\n")
    offsets = [c.offset_ns for c in load_scenario(path, ["controllers.0.offset=2 us"]).controllers]
    assert offsets == [2000, 1000]


_BOMB = "".join(f"x{i}: &x{i} [{','.join([f'*x{i - 1}'] * 9) if i else '1'}]\n" for i in range(9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty; a scenario needs channel"),
        ("# nothing\n", "empty"),
        ("null", "empty"),
        ("hello", "holds one value; want keys"),
        ("- a\n", "holds a list"),
        ("5", "holds one value"),
        (b"\x89PNG\r\n\xff\x00", "not a text file in UTF-8"),
        (TEXT.encode("utf-16"), "not a text file in UTF-8"),
        ("a: \0", "not YAML"),
        ("channel:\n\tmodel: rayleigh\n", "line 2, column 1: a tab; indent with spaces"),
        ("a: [1, 2\n", "not YAML: line 2"),
        (TEXT + "---\n" + TEXT, "another document"),
        (TEXT + "description: !!python/object/apply:os.getcwd []\n", "constructor for the tag"),
        (TEXT + "slots: 6\n", "line 5, column 1: key 'slots' stands twice"),
        (TEXT + "1: 2\n", "key 1 is not text"),
        (TEXT + "on: 2\n", "key True is not text"),
        (TEXT + "? [a]\n: 2\n", "line 5, column 3: a sequence is a key; want text"),
        (_BOMB + "? *x8\n: 2\n", "a sequence is a key; want text"),
        (_BOMB + "y: !!pairs [q: *x8]\n", "pairs are not taken; want a list"),
        (_BOMB + "y: !!omap [q: *x8]\n", "omap are not taken; want a list"),
        (TEXT + "budget: &b {lead: 1}\ncompute: {<<: *b}\n", "'<<' merges are not taken"),
        (TEXT + "seed: !!timestamp x\n", "a value cannot be read"),
        (TEXT + "seed: !!int ''\n", "a value cannot be read"),
        (TEXT + "seed: 2020-99-99\n", "a value cannot be read"),
        (TEXT + "name: 2020-01-01\n", "name: '2020-01-01' reads as a date; quote it"),
        (TEXT + "name: !!binary aGk=\n", "reads as a bytes"),
        (_BOMB + TEXT, "more than 100000 values"),
        (TEXT.replace("[wmmse]", "&a [*a]"), "nested too deeply, or in itself"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("a: " + "{a: " * 500 + "1" + "}" * 500, "nested too deeply"),
        (TEXT + "seed: -1\n", r"seed: should be greater than or equal to 0 \(got -1\)"),
        (TEXT + "seed: true\n", r"seed: is not a matter of true or false \(got True\)"),
        (TEXT + "seed: .nan\n", "seed: want a finite number"),
        (TEXT + "seed: {a: 1}\n", "seed: want a whole number"),
        (TEXT + "compute: 5\n", r"compute: want keys and values \(got 5\)"),
        (TEXT + "compute: null\n", r"compute: want keys and values \(got null\)"),
        (TEXT + "compute: {servers: 0}\n", "compute.servers: should be greater"),
        (TEXT + "compute: {discipline: edff}\n", "should be 'fifo', 'edf' or 'priority'"),
        (TEXT + "compute: {latency: {constnt: 1 us}}\n", "did you mean 'constant'"),
        (TEXT + "compute: {discipline: edff}\n", "compute.discipline: should be 'fifo', 'edf' or"),
        (TEXT + "compute: {batch: 0}\n", r"compute.batch: should be greater .* \(got 0\)"),
        (TEXT + "compute: {batch: 1.5}\n", r"compute.batch: want a whole number \(got 1.5\)"),
        (TEXT + "compute: {batch: true}\n", "compute.batch: is not a matter of true or false"),
        (TEXT + "compute: {preemptive: 1}\n", r"compute.preemptive: want true or false \(got 1\)"),
        (TEXT + "compute: {preemtive: true}\n", "did you mean 'preemptive'"),
        (
            TEXT + "compute: {preemptive: true, batch: 3}\n",
            "compute: preemptive and batch 3 exclude each other, as a call that several jobs share",
        ),
        (TEXT + "compute: {release_jitter: measured}\n", "'measured' is no release jitter"),
        (TEXT + "compute: {release_jitter: {constant: -1 us}}\n", r"\(got '-1 us'\)"),
        (
            TEXT + "compute: {release_jitter: {constant: {base: 1 us, per_work: 1 us}}}\n",
            "compute: release_jitter: no work is done in it; take its per_work out",
        ),
        (TEXT + "compute: {latency: {constant: 1 dBm}}\n", "constant.base: unit 'dBm'"),
        (TEXT + "compute: {latency: {constant: {base: -1 us}}}\n", r"\(got '-1 us'\)"),
        (TEXT + "compute: {latency: {model: [constant]}}\n", "is no latency"),
        (TEXT + "compute: {latency: {constant: {model: gamma}}}\n", "'model' stands inside"),
        (TEXT + "compute: {latency: {uniform: {low: 2 us, high: 1 us}}}\n", "low is above high"),
        (TEXT.replace("rayleigh", "rayleig"), "did you mean 'rayleigh'"),
        (TEXT.replace("rayleigh", "{rayleigh: {links: 3}, subbands: 2}"), "write it inside"),
        (TEXT.replace("rayleigh", "{rayleigh: {links: 2000, subbands: 1000}}"), "more than a slot"),
        (TEXT.replace("rayleigh", "{trace: {}}"), "channel.trace.path: is required"),
        (TEXT.replace("rayleigh", "{imac: {users: 10, cells: 3}}"), "do not spread evenly"),
        (TEXT.replace("rayleigh", "{imac: {inner_radius: 100 m}}"), "must be below radius"),
        (TEXT.replace("rayleigh", "{rayleigh: {doppler: 9 Hz}}"), "nothing under evolution: iid"),
        (
            TEXT.replace("rayleigh", "{rayleigh: {evolution: jakes, speed: 3 m/s}}"),
            "speed needs a carrier",
        ),
        (
            TEXT.replace("rayleigh", "{geometric: {pair_distance_min: 2 m}}"),
            "pair_distance_min and pair_distance_max go together",
        ),
        (TEXT + "budget: {csi: -5 us}\n", r"budget.csi: .*\(got '-5 us'\)"),
        (TEXT + "budget: {csi: 1 ms}\n", "leaves 0 us to compute; want a larger lead"),
        (TEXT + "slot: 1 ms\nnumerology: 0\n", "numerology and slot are the same quantity"),
        (TEXT + "numerology: 7\n", "numerology: should be less than or equal to 6"),
        (TEXT + "slot: 0.1 ns\n", "slot: should be greater than 0"),
        (TEXT.replace("slots: 5", "slots: 9000000000000"), "slots: .* end after"),
        (TEXT + "controllers: []\n", r"controllers: want at least 1 \(got 0\)"),
        (TEXT + "controllers: 0\n", r"controllers: want at least 1 \(got 0\)"),
        (TEXT + "controllers: 100000\n", "controllers: want at most 1000"),
        (TEXT + "controllers: [{name: a}, {name: a}]\n", "controllers: 'a' stands twice"),
        (TEXT + "on_miss: fallback\n", "name the fallback, as in"),
        (TEXT + "on_miss: {fallback: nope}\n", "allocator 'nope' is not known"),
        (TEXT + "name: a/b\n", "no slashes"),
        (TEXT + "name: ..\n", "no dot first"),
        (TEXT + 'name: "a\\nb"\n', "one line"),
        (TEXT + f"name: {'n' * 300}\n", "name: want at most 200 characters"),
        (TEXT.replace("[wmmse]", "[]"), r"allocators: want at least 1 \(got 0\)"),
        (TEXT.replace("[wmmse]", "wmmse"), r"allocators: want a list \(got 'wmmse'\)"),
        (TEXT.replace("[wmmse]", "[wmmmse]"), "did you mean 'wmmse'"),
        (TEXT.replace("[wmmse]", "[wmmse, wmmse]"), "give one of them another label"),
        (TEXT.replace("[wmmse]", "[{wmmse: {}, label: a/b}]"), "label 'a/b': want"),
        (TEXT.replace("[wmmse]", f"[{{wmmse: {{}}, label: {'l' * 200}}}]"), "200|202 characters"),
        (TEXT.replace("[wmmse]", "[{wmmse: [1]}]"), "allocators.0.parameters: want keys"),
        (TEXT.replace("snr_db: 0", "p_max: 1 W"), "give the noise once"),
        (TEXT.replace("snr_db: 0", "noise: 1 W, p_max: []"), "p_max is an empty list"),
        (TEXT.replace("snr_db: 0", "noise: 1 W, p_max: [1 W, -1 W]"), "must not be negative"),
        (TEXT.replace("snr_db: 0", "snr_db: 0, p_max: 0 W"), "needs one p_max above zero"),
        (TEXT.replace("snr_db: 0", "snr: 0"), "radio.snr: unknown key; did you mean 'snr_db'"),
        (TEXT.replace("snr_db: 0", "noise_dbm: 1 W"), "the key says dBm, the value W"),
        (TEXT.replace("snr_db: 0", "snr_db: 0, weights: [1, -1]"), "radio.weights.1: should be"),
        (
            TEXT.replace("slots: 5", "slots: 010"),
            "line 1: 010 would be read in base 8, as 8; write",
        ),
        (TEXT.replace("slots: 5", "slots: 1:30"), "1:30 would be read in base 60, as 90; write 90"),
        (TEXT.replace("snr_db: 0", "snr_db: 1:30.5"), "1:30.5 would be read in base 60"),
        (TEXT.replace("slots: 5", "slots: 1e-3"), r"slots: want a whole number \(got 0.001\)"),
        (TEXT + "controllers: 2.5\n", r"controllers: want a list, or how many alike \(got 2.5"),
        (TEXT + "controllers: two\n", r"controllers: want a list, or how many alike \(got 'two'"),
        (TEXT + "controllers: 1e30\n", "controllers: want at most 1000"),
        ("scenario: munich\naxes: {slots: [1, 2]}\n", r"is a study; run it with: ttirace study \S"),
        ("name: 2024-13-45\n", "a value cannot be read as the date, number or tag that it looks"),
        (f"slots: {'9' * 5000}\n", "line 1: a number of 5000 characters"),
        (f"slots: 1{':00' * 100_000}\n", "line 1: a number of 300001 characters"),
        (f"slots: 1{':00' * 20}\n", "would be read in base 60"),
        (f"name: 0x1{'0' * 90}\n", "0, want a whole number to 9223372036854775807"),
        (TEXT + "seed: 9223372036854775808\n", "line 5: 9223372036854775808, want a whole number"),
        (f"---\n{TEXT}---\n{TEXT}", "line 6, column 1: another document begins here"),
        (TEXT.replace("[wmmse]", "[{wmmse: {}, label: ü}]"), "want at most 100 ASCII letters, dig"),
        (TEXT.replace("snr_db: 0", "noise: 0"), "radio.noise: has no unit; write, say, '-95 dBm'"),
        ("chanel: rayleigh\n", "chanel: unknown key; did you mean 'channel'"),
        ("radio: {snr_db: 0}\nchannel: rayleigh\n", "allocators: is required"),
    ],
)
def test_wrong_files(text: str | bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=said) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_too_many_values_are_not_even_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "_MOST_VALUES", 50)
    assert len(text_module.parse("t", f"a: [{'1,' * 48}]")["a"]) == 48
    with monkeypatch.context() as patch:
        patch.setattr(text_module, "_plain", lambda *_: pytest.fail("made"))
        with pytest.raises(InputError, match=r"^t: more than 50 values$"):
            text_module.parse("t", f"a: [{'1,' * 100}]")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_scenario(tmp_path / "nope.yaml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_scenario(tmp_path)
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        os.truncate(file.fileno(), 5 << 20)
    with pytest.raises(InputError, match="larger than 4 MiB"):
        load_scenario(huge)


def test_loading_keeps_nothing_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(BASE))
    assert load_scenario(path) == load_scenario(path)
    with pytest.raises(Exception, match="frozen"):
        load_scenario(path).seed = 3  # type: ignore[misc]


def test_a_file_that_a_parameter_names_lies_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").touch()
    path = tmp_path / "s.yaml"
    path.write_text(
        "channel: rayleigh\nradio: {snr_db: 0}\n"
        "on_miss: {fallback: {dnn: {model: mine.safetensors}}}\n"
        "allocators: [{dnn: {model: mine.safetensors}}, {dnn: {model: dnn_k10}, label: shipped}]\n"
    )
    resolved = yaml.safe_load(dump_scenario(load_scenario(path), tmp_path))
    whole = {"model": str(tmp_path / "mine.safetensors")}
    assert [entry["parameters"] for entry in resolved["allocators"]] == [
        whole,
        {"model": "dnn_k10"},
    ]
    assert resolved["on_miss"]["fallback"]["parameters"] == whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compute: {latency: {constant: -1 us}}", "compute.latency.constant: should be"),
        (
            "on_miss: {fallback: max_power, latency: {constant: -2 us}}",
            "on_miss.latency.constant: should be",
        ),
        (
            "on_miss: {fallback: {max_power: {}}, latency: {exponential: {mean: -2 us}}}",
            "on_miss.latency.exponential.mean: should be",
        ),
    ],
)
def test_errors_name_the_key_as_it_was_written(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"channel: rayleigh\nradio: {{snr_db: 0}}\nallocators: [fp]\n{text}\n")
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "us')" in str(caught.value)


def test_controllers_with_a_count_are_numbered_and_counted_together() -> None:
    entries = [{"name": "small", "numerology": 1, "count": 2}, {"count": 2, "priority": 3}, {}]
    found = scenario(controllers=entries)
    timings = [found.controller(number) for number in range(5)]
    assert [timing.name for timing in timings] == ["small-0", "small-1", "2", "3", "4"]
    assert [timing.priority for timing in timings] == [0, 0, 3, 3, 0]
    assert [timing.slot_ns for timing in timings] == [500_000] * 2 + [1_000_000] * 3
    assert Scenario.model_validate(found.model_dump()) == found
    with pytest.raises(ValueError, match="1001 in all; want at most 1000"):
        scenario(controllers=[{"count": 1000}, {}])


def test_a_budget_to_compute_is_given_or_refused() -> None:
    timing = scenario(budget={"csi": "200 us", "compute": "20 us"}).controller(0)
    assert (timing.compute_ns, timing.deadline_at_boundary) == (20_000, False)
    assert (
        scenario(budget={"csi": "200 us", "compute": "800 us"}).controller(0).deadline_at_boundary
    )
    with pytest.raises(ValueError, match=r"leaves 800 us to compute, not the 900 us of budget"):
        scenario(budget={"csi": "200 us", "compute": "900 us"})
