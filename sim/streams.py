"""Standard output and error as a shell hands them over: closed, full, a pipe that nobody reads."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What a process ends with whose output nobody reads, as shells have it: 128 and SIGPIPE.
UNREAD = 141

#: How such characters are written; the name of that for `codecs`.
_ERRORS = "ttirace"

#: Characters of tables that an encoding may lack, and what stands for them then.
_PLAIN = {"±": "+-", "…": "..."}


class OutputError(Exception):
    """A standard stream takes no more. No OSError, lest it be taken for one of a file.

    Args:
        name: of the stream.
        error: why.
    """

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"{name}: cannot be written: {error.strerror or error}")
        self.unread = isinstance(error, BrokenPipeError)


class _Stream(io.FileIO):
    """A standard stream that says who it is when it fails, once; what comes then goes nowhere."""

    def __init__(self, number: int, title: str) -> None:
        super().__init__(number, "wb", closefd=False)
        self.title = title
        self.broken = False

    def write(self, data: Buffer, /) -> int:
        """Write bytes.

        Raises:
            OutputError: for the first time that it cannot.
        """
        size = memoryview(data).nbytes
        if self.broken or not size:  # click writes nothing, to see what it gets
            return size
        try:
            return super().write(data)
        except OSError as error:
            self.broken = True
            raise OutputError(self.title, error) from None


def prepare_streams() -> None:
    """Let what fails on them be known for that, and nothing fail by its characters.

    A character that their encoding lacks, or half of a name that is no text, is written as its
    number. A stream that is closed leads nowhere: the next file opened would have its number.
    """
    codecs.register_error(_ERRORS, _in_ascii)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
        elif mode == "w":
            setattr(sys, name, _prepared(getattr(sys, name), name))


def _prepared(stream: TextIO, name: str) -> TextIO:
    number, title = {"stdout": (1, "standard output"), "stderr": (2, "standard error")}[name]
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors=_ERRORS)
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO or raw.fileno() != number:
        return stream  # of a test, of a console of Windows, or prepared already
    told = _Stream(number, title)
    buffer: Any = told if stream.write_through else io.BufferedWriter(told)
    return io.TextIOWrapper(
        buffer, stream.encoding, _ERRORS, None, stream.line_buffering, stream.write_through
    )


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(one) or _escaped(one) for one in missing), error.end


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def say(line: str) -> None:
    """Print a line on standard error, if there is one that takes it."""
    with suppress(OutputError, OSError):
        print(line, file=sys.stderr, flush=True)
