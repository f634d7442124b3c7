"""Running `ttirace` in this process: what the shell would see, without its start-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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
