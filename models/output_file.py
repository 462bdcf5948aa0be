"""Files that are there whole or not at all."""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What a file is called until it is whole.
_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it replaces ``path`` if the block succeeds, and is removed if not.

    What a killed process left there is removed, too. An OSError of the block or of the replacement passes on.
    """
    # Not named after ``path``, whose name may be as long as a system allows.
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    with writing_in(path.parent, _PARTIAL):
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def writing_in(folder: Path, partial: re.Pattern[str]) -> Iterator[None]:
    """Hold a lock on ``folder``, as all do who write there. Who finds it free removes what is named like a
    ``partial`` file or folder: whoever wrote that is gone, since a lock ends with its process."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # not there, which the block will say, or a folder that may be written to and not be read
        yield
        return
    try:
        with suppress(OSError):  # others write there now, or the file system has no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder, partial)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _remove(folder: Path, partial: re.Pattern[str]) -> None:
    with os.scandir(folder) as entries:
        litter = [entry for entry in entries if partial.fullmatch(entry.name)]
    for entry in litter:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
