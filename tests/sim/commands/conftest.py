"""Runs `ttirace` in this process: what the shell would see, without its start-up."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import sim.cli
import sim.registry

TINY = """
slots: 30
channel: {rayleigh: {links: 3, subbands: 2}}
radio: {snr_db: 0}
compute: {latency: {constant: 10 us}}
allocators: [max_power]
"""


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of a user's error."""
        assert self.code == 2, self
        assert self.err.startswith("ttirace: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.out == ""
        return self.err.removeprefix("ttirace: ").rstrip("\n")


Ttirace = Callable[..., Result]


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


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path
