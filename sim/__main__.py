"""What `ttirace` and `python -m sim` start: signals are seen to before anything is imported."""

import os

try:
    from sim.interrupts import exit_on_signals, raise_on_signals, status
except KeyboardInterrupt:
    os._exit(130)


def main() -> None:
    """Run the command line."""
    exit_on_signals()  # not as this is imported: processes that commands start import it, too
    from sim.cli import main as run

    try:
        raise_on_signals()
        run()
    except KeyboardInterrupt:  # between any two lines of it
        os._exit(status())


if __name__ == "__main__":
    main()
