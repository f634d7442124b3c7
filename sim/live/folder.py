"""The folder of one verification."""

from __future__ import annotations

from sim.result import ResultFolder


class VerifyFolder(ResultFolder):
    """Holds verify.json, the profiles it rests on, and plots."""

    _OWN = ("manifest.json", "verify.json", "profiles", "plots")
