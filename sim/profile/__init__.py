"""What allocators cost on a machine: measured by `ttirace calibrate`, replayed by `calibrated`."""

from sim.profile.cell import Cell, CellKey
from sim.profile.file import find_profile, load_profile, shipped_profiles, write_profile
from sim.profile.profile import Profile

__all__ = [
    "Cell",
    "CellKey",
    "Profile",
    "find_profile",
    "load_profile",
    "shipped_profiles",
    "write_profile",
]
