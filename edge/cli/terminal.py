"""What the user sees: our own lines, and third parties' only on request.

Converters and runtimes write warnings and logs to the process's standard streams, from C++ too. So the
command line keeps copies of the two streams for itself and points the originals at nothing.
"""

import codecs
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from edge.errors import BadInput
from edge.work import Piece, Work

# Columns where no person looks, in a file or a pipe: no table is cut off there.
FILE_WIDTH = 200


# Names of files need not be text, nor be so in the locale's encoding: they come out as the disk has them.
AS_STORED = "as-stored"


def _as_stored(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    part = error.object[error.start : error.end]
    try:
        return part.encode("utf-8", "surrogateescape"), error.end
    except UnicodeEncodeError:  # of no file name
        return part.encode("utf-8", "backslashreplace"), error.end


codecs.register_error(AS_STORED, _as_stored)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Who read has gone (``| head``): the rest goes nowhere, and the command goes on to its exit code."""
        self.drop()

    def drop(self) -> None:
        """What was not written yet, and the rest, goes nowhere."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self.file.fileno())
        os.close(nothing)


def _console(stream: TextIO) -> _Console:
    # soft_wrap: a path or a number is never broken over lines; [x] and :x: in a path are no markup
    width = None if stream.isatty() else FILE_WIDTH
    return _Console(file=stream, width=width, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Terminal:
    """Our lines on standard output (``print``, ``table``, ``json``) and standard error (``log``)."""

    def __init__(self, out: TextIO, err: TextIO, is_closed: bool) -> None:
        self._out, self._err = (_console(stream) for stream in (out, err))
        self._is_closed = is_closed  # standard output was, so that what is written to it is lost
        self._tracking = False

    def print(self, text: str) -> None:
        """A result, on standard output. Raises BadInput where it cannot be written."""
        with self._writing():
            # Two consoles on one screen would write into each other's lines.
            console = self._err if self._tracking and self._out.is_terminal else self._out
            console.print(text)

    def write(self, content: bytes) -> None:
        """Bytes on standard output, as they are. Raises BadInput where they cannot be written."""
        if self._is_closed:
            raise BadInput("standard output: expected to write to it, found it closed")
        with self._writing():
            buffer = self._out.file.buffer  # type: ignore[attr-defined]  # a TextIO has none, a file has
            buffer.write(content)
            buffer.flush()

    def log(self, text: str) -> None:
        """What is going on, on standard error. Where that cannot be written, there is no way to say so."""
        try:
            self._err.print(text)
        except OSError:
            self._err.drop()

    def json(self, value: Any) -> None:
        """One JSON object on standard output. NaN and infinity, which JSON lacks, are an error."""
        text = json.dumps(value, indent=2, allow_nan=False)
        with self._writing():
            self._out.print(text)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on standard output; columns after the first are aligned right."""
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        with self._writing():
            self._out.print(table)

    def track(self, label: str, work: Work[Piece]) -> Iterator[Piece]:
        """The pieces of ``work`` as they are done. Where a person looks, a progress bar on standard error
        counts them, and is gone when all are done."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._err,
            transient=True,
            disable=not self._err.is_terminal,
        )
        self._tracking = self._err.is_terminal
        try:
            with bar:
                task = bar.add_task(label, total=len(work))
                for piece in work:
                    bar.advance(task)
                    yield piece
        finally:
            self._tracking = False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._out.drop()
        except OSError as error:
            self._out.drop()
            raise BadInput(f"standard output: expected to write to it, found {error.strerror}") from error


@contextmanager
def open_terminal(verbose: bool, is_closed: bool = False) -> Iterator[Terminal]:
    """A Terminal on the process's streams; unless ``verbose``, nothing else reaches them meanwhile.
    ``is_closed``: standard output leads nowhere."""
    if verbose:
        yield Terminal(sys.stdout, sys.stderr, is_closed)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    kept_out, kept_err = os.dup(1), os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    with (
        os.fdopen(os.dup(1), "w", encoding="utf-8", errors=AS_STORED) as out,
        os.fdopen(os.dup(2), "w", encoding="utf-8", errors=AS_STORED) as err,
    ):
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        try:
            yield Terminal(out, err, is_closed)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept_out, 1)
            os.dup2(kept_err, 2)
            for descriptor in (kept_out, kept_err, nothing):
                os.close(descriptor)
