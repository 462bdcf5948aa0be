"""What became of each picture, a JSON object a line, for programs that watch or sum up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from edge.errors import BadInput
from edge.jobs.job import Job, Result


class JobLog:
    """Lines with ``time``, ``event`` (``done``, ``failed``, ``unchanged``), ``source`` and ``output``; of one
    done, sizes as [width, height] and ``seconds``, too. Without a file nothing is written."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    @classmethod
    @contextmanager
    def open(cls, path: Path | None) -> "Iterator[JobLog]":
        """Append to ``path``; None: to nothing. Raises BadInput where it cannot be written to."""
        if path is None:
            yield cls(None)
            return
        try:
            # Line by line, so that who watches sees each at once.
            with path.open("a", encoding="utf-8", buffering=1) as file:
                yield cls(file)
        except OSError as error:
            raise BadInput(f"{path}: expected a log to write to, found {error.strerror}") from error

    def unchanged(self, job: Job) -> None:
        """An earlier run has done ``job``."""
        self._write("unchanged", job)

    def ended(self, result: Result) -> None:
        """A job is done, or has failed."""
        done = result.enlarged
        if done is None:
            self._write("failed", result.job, error=result.error)
            return
        self._write(
            "done",
            result.job,
            of=done.lr_size[::-1],
            size=done.size[::-1],
            by=done.by,
            seconds=round(result.seconds, 3),
            notes=done.notes,
        )

    def _write(self, event: str, job: Job, **more: object) -> None:
        if self._file is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "event": event, "source": str(job.source), "output": str(job.output), **more}
        self._file.write(json.dumps(line) + "\n")
