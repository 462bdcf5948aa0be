"""What runs have done in a folder, so that the next one does the rest: a file there, a line per event."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path

from edge.errors import BadInput, OutputExists
from edge.jobs.job import Job, Settings
from edge.run.target import Target

RECORD_FILE = ".liif-edge.jsonl"


Stamp = tuple[int, int]  # of a file: size in bytes, time of change in ns


@dataclass(frozen=True)
class Entry:
    """``source``, ``made``: of a picture and of its enlargement; that is None until the job is done.
    ``options``: ``Settings.fingerprint``."""

    source: Stamp | None
    options: str
    made: Stamp | None = None


class Record:
    """Entries by output, for jobs of ``settings``; ``file``: where new ones are written."""

    def __init__(self, folder: Path, settings: Settings, content: bytes, file: FileIO | None = None) -> None:
        self._folder = folder
        self._settings = settings
        self._entries = _entries(content)
        self._before: dict[str, Entry | None] = {}
        self._options: dict[Target, str] = {}
        self._file = file

    @classmethod
    def read(cls, folder: Path, settings: Settings) -> "Record":
        """What there is, to look at. A folder without a record has an empty one."""
        path = folder / RECORD_FILE
        try:
            return cls(folder, settings, path.read_bytes() if os.path.lexists(path) else b"")
        except OSError as error:
            raise BadInput(f"{path}: expected a record to read, found {error.strerror}") from error

    @classmethod
    @contextmanager
    def open(cls, folder: Path, settings: Settings) -> "Iterator[Record]":
        """The record of ``folder``, which is made, to write to. Raises BadInput where it cannot be written,
        and while another process has it open."""
        path = folder / RECORD_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab+", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                content = path.read_bytes()
                if content and not content.endswith(b"\n"):  # who wrote the last line was killed meanwhile
                    file.write(b"\n")
                yield cls(folder, settings, content, file)
        except BlockingIOError as error:
            raise BadInput(f"{folder}: expected no other run that writes to it, found one at work") from error
        except OSError as error:
            raise BadInput(f"{path}: expected a place to write to, found {error.strerror}") from error

    def divide(self, jobs: Iterable[Job], force: bool) -> tuple[list[Job], list[Job]]:
        """(to do, done): done is what lies there as it was made, by the same options, of the picture as it is
        now. What a run here has made otherwise, or had begun, is replaced.

        Raises OutputExists for what no run here has made or somebody has changed since. With ``force``,
        everything is to be done, and replaces what is there.
        """
        to_do, done = [], []
        for job in jobs:
            if force:
                to_do.append(replace(job, replace=True))
            elif self._is_done(job):
                done.append(job)
            else:
                exists = os.path.lexists(job.output)
                if exists and not self._is_ours(job):
                    raise OutputExists(
                        f"{job.output}: expected a free path or a result of liif-edge, found another file; "
                        f"--force replaces it"
                    )
                to_do.append(replace(job, replace=exists))
        return to_do, done

    def begin(self, job: Job) -> None:
        """To be called before the output is written: if this process is killed, it is known to be ours."""
        self._before[self._name(job)] = self._entries.get(self._name(job))
        self._add(job, Entry(_stamp(job.source), self._options_of(job)))

    def fail(self, job: Job) -> None:
        """To be called when nothing was written: what lies there, if anything, is what lay there before."""
        before = self._before[self._name(job)]
        if before is None:
            del self._entries[self._name(job)]
            self._write({"output": self._name(job)})
        else:
            self._add(job, before)

    def finish(self, job: Job) -> None:
        """To be called when the output is written."""
        self._add(job, replace(self._entries[self._name(job)], made=_stamp(job.output)))

    def _is_done(self, job: Job) -> bool:
        found = self._entries.get(self._name(job))
        made = _stamp(job.output)
        return made is not None and found == Entry(_stamp(job.source), self._options_of(job), made)

    def _is_ours(self, job: Job) -> bool:
        found = self._entries.get(self._name(job))
        return found is not None and found.made in (None, _stamp(job.output))

    def _options_of(self, job: Job) -> str:
        if job.target not in self._options:
            self._options[job.target] = self._settings.fingerprint(job.target)
        return self._options[job.target]

    def _add(self, job: Job, entry: Entry) -> None:
        self._entries[self._name(job)] = entry
        self._write({"output": self._name(job), **asdict(entry)})

    def _write(self, line: dict[str, object]) -> None:
        assert self._file is not None  # opened to write to
        self._file.write(json.dumps(line).encode() + b"\n")

    def _name(self, job: Job) -> str:
        return job.output.relative_to(self._folder).as_posix()


def _entries(content: bytes) -> dict[str, Entry]:
    """By output, the last of each. A line that is none was cut off: what it was of is done again."""
    entries: dict[str, Entry] = {}
    for line in content.splitlines():
        try:
            values = json.loads(line)
            entries.pop(values["output"], None)
            if "options" in values:
                source, made = (values[name] and tuple(values[name]) for name in ("source", "made"))
                entries[values["output"]] = Entry(source, values["options"], made)
        except (ValueError, KeyError, TypeError):
            continue
    return entries


def _stamp(path: Path) -> Stamp | None:
    """None where no file is."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
