"""`python -m sim` is `ttirace`."""

from sim.cli import main

main()
