"""No wall clock in tests: hypothesis's own deadline is off, whatever the machine is busy with."""

from hypothesis import settings

settings.register_profile("quiet", deadline=None)
settings.load_profile("quiet")
