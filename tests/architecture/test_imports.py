"""The import law: who may know whom, and what `import sim` may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("sim", "allocators", "stylize")
MODULES = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))

_ALLOCATORS = (
    "allocators",
    "sim.problem",
    "sim.deadline",
    "sim.channel",
    "sim.seeding",
    "sim.scenario",
)
#: What a package may import of ours; the longest prefix that fits a module is its law.
LAW = {
    "sim.deadline": ("sim.deadline",),
    "sim": ("sim",),
    "allocators": _ALLOCATORS,
    # Commands, which share options with those of sim.
    "allocators.rl_cli": (*_ALLOCATORS, "sim.commands.options"),
    "allocators.training.options": (*_ALLOCATORS, "sim.commands.options"),
    # Made of another allocator, whichever the registry knows by the name it is given.
    "allocators.anytime": ("allocators", "sim.problem", "sim.deadline", "sim.registry"),
    # It sees and acts as in the environment, for which neither needs Gymnasium; its training does.
    "allocators.policy": (
        "allocators",
        "sim.problem",
        "sim.deadline",
        "sim.observation",
        "sim.measurements",
        "sim.power_scale",
    ),
    "allocators.policy.training": (
        "allocators",
        "sim.problem",
        "sim.deadline",
        "sim.seeding",
        "sim.env",
        "sim.measurements",
        "sim.registry",
        "sim.named",
        "sim.table",
    ),
    # It compares allocators of any name, and is a command with tables.
    "allocators.evaluation": (
        *_ALLOCATORS,
        "sim.registry",
        "sim.named",
        "sim.compare",
        "sim.table",
        "sim.commands.options",
    ),
    "stylize": ("stylize", "sim.deadline"),
}

#: Imported where they are used, never at the top of a module.
LAZY = {
    "torch",
    "gymnasium",
    "pettingzoo",
    "stable_baselines3",
    "matplotlib",
    "tensorboard",
    "loky",
    "distributed",
    "onnxruntime",
}

#: What environments are made of, and nothing else may import.
ENVIRONMENTS = {"gymnasium", "pettingzoo"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def imports(path: Path, top_only: bool = False) -> Iterator[str]:
    """Yield all modules that a module imports; those for type checkers alone count as deferred."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            )
            if not (top_only and deferred):
                yield child
                yield from walk(child)

    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from sim import problem` imports a module, `from sim import sum_rate` a name.
            for alias in node.names:
                inner = ROOT.joinpath(*module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield f"{module}.{alias.name}" if is_module else module


def test_there_is_something_to_hold_to_the_law() -> None:
    assert {"sim.deadline.run", "sim.network", "allocators.max_power"} <= set(map(name_of, MODULES))
    found = set(imports(ROOT / "sim/deadline/log.py"))
    assert {"sim.deadline.job", "pyarrow", "pyarrow.parquet"} <= found
    assert "pyarrow" not in set(imports(ROOT / "sim/deadline/log.py", top_only=True))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_import_law(path: Path) -> None:
    module = name_of(path)
    law = max((package for package in LAW if within(module, package)), key=len)
    for imported in imports(path):
        if imported.split(".")[0] in OURS:
            allowed = any(within(imported, package) for package in LAW[law])
            assert allowed, f"{module} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    tops = {imported.split(".")[0] for imported in imports(path, top_only=True)}
    if within(name_of(path), "sim.env"):
        tops -= ENVIRONMENTS
    if name_of(path) == "sim.env.sb3":  # for those who have it, and imported by nobody here
        tops -= {"stable_baselines3"}
    assert not tops & LAZY


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_environments_know_gymnasium(path: Path) -> None:
    module = name_of(path)
    imported = {name.split(".")[0] for name in imports(path)}
    assert within(module, "sim.env") or not imported & ENVIRONMENTS


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if within(name_of(path), "sim.deadline")],
    ids=name_of,
)
def test_the_harness_needs_nothing_but_numpy_at_import(path: Path) -> None:
    tops = {imported.split(".")[0] for imported in imports(path, top_only=True)}
    assert tops <= {"sim", "numpy", *sys.stdlib_module_names}


def test_sim_names_no_allocator() -> None:
    for path in MODULES:
        if within(name_of(path), "sim"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert not node.value.startswith("allocators."), name_of(path)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


HEAVY = LAZY | {"numba", "pyarrow", "scipy", "pydantic", "simpy", "h5py", "yaml", "rich"}


def test_importing_sim_is_free() -> None:
    assert not loaded_by("import sim") & (HEAVY | {"numpy"})


def test_importing_the_harness_costs_numpy() -> None:
    loaded = loaded_by("import sim.deadline, sim.deadline.testing")
    assert "numpy" in loaded
    assert not loaded & HEAVY


def test_importing_the_command_line_costs_nothing_heavy() -> None:
    assert not loaded_by("import sim.cli") & (HEAVY | {"numpy"})


def test_the_help_of_all_commands_loads_nothing_heavy() -> None:
    statement = "import sim.cli\nsim.cli.cli.main(['--help'], standalone_mode=False)"
    loaded = loaded_by(statement)
    assert "allocators" in loaded  # whose commands are among them
    assert not loaded & (HEAVY | {"numpy"})


def test_racing_loads_neither_torch_nor_a_plotter() -> None:
    loaded = loaded_by("import sim.race, sim.result, sim.testing")
    assert not loaded & LAZY


def test_importing_environments_loads_no_plotter_and_no_learner() -> None:
    loaded = loaded_by("import sim.env")
    assert not loaded & {"torch", "matplotlib", "stable_baselines3", "pyarrow", "simpy", "h5py"}


def test_environments_say_what_they_need() -> None:
    statement = "sys.modules['gymnasium'] = None\nimport importlib.util\n" + (
        "importlib.util.find_spec = lambda name: None\nimport sim.env"
    )
    with pytest.raises(subprocess.CalledProcessError) as error:
        loaded_by(statement)
    assert "pip install 'ttirace[rl]'" in error.value.stderr
