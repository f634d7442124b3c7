"""How much the tests do of what takes long: a little, unless the environment says more."""

from __future__ import annotations

import os

#: Kills of each command.
KILLS = int(os.environ.get("TTIRACE_KILLS", "1"))

#: Runs in one process.
RUNS = int(os.environ.get("TTIRACE_RUNS", "200"))

#: Spoiled inputs.
INPUTS = int(os.environ.get("TTIRACE_FUZZ", "16"))
