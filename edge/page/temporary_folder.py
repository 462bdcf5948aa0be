"""A folder for temporary files that vanishes with the process that made it, a killed one included."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Then the number of the process, and letters.
PREFIX = "liif-edge-page-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Within it, a new folder. Those of processes that were killed go now."""
    _remove_left()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
        if ours and process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)  # of two servers that start, each removes the same one


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
