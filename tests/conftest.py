from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from in_process import Result, Ttirace

import sim.cli
import sim.registry

# A busy machine is no bug, and the first call of what numba compiles takes its time.
settings.register_profile("ttirace", deadline=None)
# `make mutation` only asks whether a test fails: examples need not be small, but always the same.
settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("ttirace")


_ROOT = Path(__file__).parents[1]
_PACKAGES = ("sim", "allocators", "stylize", "tests")


def pytest_configure(config: pytest.Config) -> None:
    """Remove what numba compiled before a source was changed.

    It compiles a file anew when that one has changed, but not when another has whose functions it
    took in.
    """
    if hasattr(config, "workerinput"):
        return  # the others are at work already
    compiled = [path for name in _PACKAGES for path in (_ROOT / name).rglob("*.nb[ic]")]
    sources = [path for name in _PACKAGES for path in (_ROOT / name).rglob("*.py")]
    changed = max(path.stat().st_mtime for path in sources if "njit" in path.read_text("utf-8"))
    if any(path.stat().st_mtime < changed for path in compiled):
        for path in compiled:
            path.unlink(missing_ok=True)


@pytest.fixture
def ttirace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ttirace:
    # what plug-ins register must not outlive the test
    monkeypatch.setattr(sim.registry, "_registered", dict(sim.registry._registered))

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["ttirace", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:  # any other exception would be a traceback
            sim.cli.main()
        out, err = capsys.readouterr()
        return Result(end.value.code, out, err)

    return call
