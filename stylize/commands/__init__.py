"""The commands of `ttirace stylize`, each imported when it is called for."""
