"""Nothing that is read may be executed: no product code uses what executes data."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    p for package in ("sim", "allocators", "stylize") for p in (ROOT / package).rglob("*.py")
)

#: Modules whose readers execute what they read, or call a shell.
MODULES_REFUSED = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "imp"}
BUILTINS_REFUSED = {"eval", "exec", "compile", "__import__"}


def unsafe(code: str) -> list[str]:
    """Return what a module does that it must not, each with its line."""
    found = []
    tree = ast.parse(code)
    loaders = {"yaml.SafeLoader"} | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and [ast.unparse(base) for base in node.bases] == ["yaml.SafeLoader"]
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        found += [f"{node.lineno}: {n}" for n in names if n.split(".")[0] in MODULES_REFUSED]
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        loader = keywords.get("Loader") or (ast.unparse(node.args[1]) if node.args[1:] else "")
        if (
            called in BUILTINS_REFUSED
            or (called in ("os.system", "os.popen") or keywords.get("shell") == "True")
            or called in ("yaml.unsafe_load", "yaml.full_load", "yaml.unsafe_load_all")
            or (called in ("yaml.load", "yaml.load_all") and loader not in loaders)
            or (
                called in ("np.load", "numpy.load")
                and keywords.get("allow_pickle", "False") != "False"
            )
            or (called == "torch.load" and keywords.get("weights_only") != "True")
        ):
            found.append(f"{node.lineno}: {called}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_that_is_read_is_executed(path: Path) -> None:
    assert not unsafe(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from cloudpickle import loads",
        "eval(x)",
        "exec(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "yaml.load(x)",
        "yaml.load(x, yaml.UnsafeLoader)",
        "yaml.load(x, Loader=yaml.FullLoader)",
        "yaml.load(x, _Loader)",
        "class _Loader(yaml.Loader): pass\nyaml.load(x, _Loader)",
        "yaml.unsafe_load(x)",
        "np.load(x, allow_pickle=True)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
    ],
)
def test_what_executes_is_found(code: str) -> None:
    assert unsafe(code)


def test_what_does_not_is_let_be() -> None:
    assert not unsafe("model.eval()\nyaml.safe_load(x)\nnp.load(x)\nre.compile(x)\n")


def test_our_loader_of_yaml_is_a_safe_one() -> None:
    import yaml

    from sim.scenario.text import _Loader

    assert issubclass(_Loader, yaml.SafeLoader)
    assert not {tag for tag in _Loader.yaml_constructors if tag and "python" in tag}
