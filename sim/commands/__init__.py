"""The commands of `ttirace`, one module each; imports happen inside, when they run."""
