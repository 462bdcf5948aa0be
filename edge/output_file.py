"""Output files and folders: refused before the work rather than after it, and whole or not at all."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import BadInput, DiskFull, OutputExists
from models import output_file
from models.output_file import writing_in

# What a folder is called until it is whole, as ``tempfile`` ends it.
_PARTIAL = re.compile(r"\..+\.partial-[a-z0-9_]{8}")


def check_path(path: Path, suffixes: Collection[str], force: bool) -> None:
    """Raise now what writing a file to ``path`` would only raise after the work.

    OutputExists if ``path`` is taken and ``force`` is not given. BadInput if it is a folder, ends in none of
    ``suffixes``, or if its folder is missing or not writable.
    """
    # os.path, since pathlib raises for what may not be looked at and for names that are too long.
    if os.path.isdir(path):
        raise BadInput(f"{path}: expected a file to write, found a folder")
    check_suffix(path, suffixes)
    parent = path.parent
    if not os.path.isdir(parent):
        found = "a file" if os.path.exists(parent) else "nothing there"
        raise BadInput(f"{path}: expected {parent} to be a folder, found {found}")
    if not os.access(parent, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise BadInput(f"{path}: expected a folder that may be written to, found {parent} write-protected")
    if os.path.lexists(path) and not force:
        raise OutputExists(f"{path}: expected a free path, found a file; --force replaces it")


def check_suffix(path: Path, suffixes: Collection[str]) -> None:
    """Raises BadInput if ``path`` ends in none of ``suffixes``, in capitals or not."""
    if path.suffix.lower() not in suffixes:
        found = path.suffix or "no extension"
        raise BadInput(f"{path}: expected a name ending in {', '.join(suffixes)}, found {found}")


@contextmanager
def whole_file(path: Path, what: str) -> Iterator[Path]:
    """A path beside ``path`` to write to; it replaces ``path`` if the block succeeds, and is removed if not.

    ``what``: the file in words, for the BadInput that an OSError becomes, DiskFull where room is missing.
    """
    with write_errors(path, what), output_file.whole_file(path) as partial:
        yield partial


@contextmanager
def write_errors(path: Path, what: str) -> Iterator[None]:
    """An OSError within it becomes the BadInput of ``whole_file``."""
    try:
        yield
    except OSError as error:
        kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else BadInput
        raise kind(f"{path}: expected to write {what}, found {error.strerror or error}") from error


def write_report(path: Path, text: str) -> None:
    """The file, whole or not at all. Raises BadInput where it cannot be written."""
    with whole_file(path, "the report") as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def whole_folder(folder: Path, force: bool) -> Iterator[Path]:
    """A temporary folder to fill; it becomes ``folder`` if the block succeeds, and vanishes if not.

    Folders above it are made, and what a killed process left beside it is removed. Raises OutputExists if
    ``folder`` is taken, before the block or after it, unless ``force``: then it is replaced, at the end.
    Raises BadInput where no folder can be made.
    """
    _check_free(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: expected a place to write to, found {error.strerror}") from error
    with writing_in(folder.parent, _PARTIAL):
        try:
            partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
        except OSError as error:
            raise BadInput(f"{folder}: expected a place to write to, found {error.strerror}") from error
        try:
            content = partial / folder.name
            content.mkdir()
            yield content
            _check_free(folder, force)
            if folder.exists():
                folder.rename(partial / "replaced")
            content.rename(folder)
        finally:
            shutil.rmtree(partial)


def _check_free(folder: Path, force: bool) -> None:
    if folder.exists() and not force:
        raise OutputExists(f"{folder}: expected a new path, found something there; --force replaces it")
