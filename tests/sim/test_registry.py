"""Allocators by name, plug-ins, parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import sim.registry as registry
from sim.deadline import InputError
from sim.named import listed, named_allocator
from sim.problem import PowerControlSpec
from sim.registry import (
    allocator_class,
    allocator_names,
    load_plugin,
    make_allocator,
    prepare_allocator,
)

HEAD = "import numpy as np\nfrom sim import Allocation, Solver, register\n"
HALF = HEAD + (
    "@register('half')\n"
    "class Half(Solver):\n"
    "    def __init__(self, share: float = 0.5, table: np.ndarray = None, _odd=1, json=''):\n"
    "        self.share = share\n"
    "        self.table = table\n"
    "    def solve(self, problem):\n"
    "        return Allocation(self.share * problem.p_max_w)\n"
)
SPEC = PowerControlSpec(3, 1, np.random.default_rng(0))


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))


def write(tmp_path: Path, text: str, name: str = "plugin.py") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_shipped_allocators_are_there() -> None:
    shipped = {"max_power", "random", "best_link", "wmmse", "fp", "exhaustive", "dnn"}
    assert shipped <= set(allocator_names())
    for name in shipped:
        assert allocator_class(name).__module__.startswith("allocators.")


def test_a_file_registers(tmp_path: Path) -> None:
    load_plugin(write(tmp_path, HALF))
    assert "half" in allocator_names()
    assert make_allocator("half", {"share": 0.25}).share == 0.25  # type: ignore[attr-defined]
    assert make_allocator("half", {"table": [1, 2]}).table == [1, 2]  # type: ignore[attr-defined]
    load_plugin(write(tmp_path, HALF))  # the same file again does no harm


def test_a_module_registers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, HALF, "half_module_for_tests.py")
    monkeypatch.syspath_prepend(tmp_path)
    load_plugin("half_module_for_tests")
    assert "half" in allocator_names()


def test_a_module_in_the_current_folder_registers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, HALF.replace("half", "near"), "near_module_for_tests.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [entry for entry in sys.path if entry])
    load_plugin("near_module_for_tests")
    assert "near" in allocator_names()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0\n", "cannot be imported: ZeroDivisionError"),
        ("def\n", "cannot be imported: SyntaxError"),
        ("import sys\nsys.exit(0)\n", "cannot be imported: SystemExit"),
        ("import no_such_module_here\n", "No module named"),
        ("x = 1\n", "registers no allocator; put @register"),
        (HEAD + "@register('f')\ndef f(): ...\n", "wants a name and a class"),
        (HEAD + "@register(5)\nclass A: ...\n", "wants a name and a class"),
        (HEAD + "@register('a')\nclass A: ...\n@register('a')\nclass B: ...\n", "already"),
        (HEAD + "@register('wmmse')\nclass A: ...\n", "'wmmse' is installed already"),
    ],
)
def test_plugins_that_fail(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        load_plugin(write(tmp_path, text))
    assert str(caught.value).startswith(f"--plugin {tmp_path}")
    assert "\n" not in str(caught.value)


def test_plugins_that_are_none(tmp_path: Path) -> None:
    for plugin, said in (
        (str(tmp_path / "nope.py"), "no such file"),
        ("no_such_module_here", "No module named"),
        (str(tmp_path), "cannot be imported"),
        ("", "Empty module name"),
        (write(tmp_path, HALF, "half.txt"), "not a Python file"),
    ):
        with pytest.raises(InputError, match=said):
            load_plugin(plugin)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("class A: ...", r"has no solve\(\) and prepare\(\)"),
        ("class A(Solver): ...", "cannot be made: TypeError: Can't instantiate abstract"),
        (
            "class A(Solver):\n    def __init__(self): raise ValueError('no')\n"
            "    def solve(self, problem): ...",
            "cannot be made: ValueError: no",
        ),
        (
            "class A(Solver):\n    def __init__(self, x): ...\n    def solve(self, problem): ...",
            r"broken.x: is required",
        ),
        (
            "class A(Solver):\n    def prepare(self, spec): raise OSError('no file')\n"
            "    def solve(self, problem): ...",
            "cannot be prepared: OSError: no file",
        ),
    ],
)
def test_allocators_that_cannot_start(body: str, said: str, tmp_path: Path) -> None:
    load_plugin(write(tmp_path, f"{HEAD}@register('broken')\n{body}\n"))
    with pytest.raises(InputError, match=said):
        prepare_allocator("broken", {}, SPEC)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("wmmmse", {}, "allocator 'wmmmse' is not known; did you mean 'wmmse'"),
        ("zzz", {}, "known: anytime, best_link, dnn"),
        ("wmmse", {"backnd": "numpy"}, "wmmse.backnd: unknown parameter; did you mean 'backend'"),
        ("wmmse", {"backend": "pyton"}, r"wmmse.backend: .*'python' \(got 'pyton'\)"),
        ("wmmse", {"restarts": "many"}, r"wmmse.restarts: .*\(got 'many'\)"),
        ("wmmse", {"restarts": True}, r"wmmse.restarts: want a number \(got True\)"),
        ("wmmse", {"restarts": -1}, "restarts: -1"),
        ("max_power", {"x": 1}, "it has no parameters"),
    ],
)
def test_wrong_names_and_parameters(name: str, parameters: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_allocator(name, parameters)


def test_named_on_the_command_line() -> None:
    assert named_allocator(" wmmse ") == ("wmmse", {})
    assert named_allocator("wmmse:backend=numpy:restarts=3:tolerance=1.0e-3") == (
        "wmmse",
        {"backend": "numpy", "restarts": 3, "tolerance": 1e-3},
    )
    assert named_allocator("x:a=!!timestamp b")[1] == {"a": "!!timestamp b"}
    assert named_allocator("any:start={dnn: {model: [a, b]}}:lift=0.0") == (
        "any",
        {"start": {"dnn": {"model": ["a", "b"]}}, "lift": 0.0},
    )
    assert listed("--x", "a:b=[1,2], c,,d={e: 1, f: 2}") == ["a:b=[1,2]", "c", "d={e: 1, f: 2}"]
    for text in ("wmmse:backend", "wmmse:=3", "wmmse:"):
        with pytest.raises(InputError, match="want NAME:parameter=value"):
            named_allocator(text)
