"""Measured costs of the shipped allocators; `ttirace calibrate` makes such files."""
