from __future__ import annotations

import sys

import pytest
from hypothesis import settings
from in_process import Result, Ttirace

import sim.cli
import sim.registry

# A busy machine is no bug, and the first call of what numba compiles takes its time.
settings.register_profile("ttirace", deadline=None)
settings.load_profile("ttirace")


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
