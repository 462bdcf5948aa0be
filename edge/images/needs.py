"""What enlarging a picture takes of memory and of disk, estimated before the work."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DiskFull
from edge.images.encoding import check_format
from edge.images.file_rows import FileRows
from edge.images.picture import Picture

# Bytes. Measured: Python, PyTorch and a program with a tile of 128 pixels.
PROCESS = 310_000_000

# Rows that libvips holds while it reads, and while it writes and we put a row of tiles together. Measured
# on pictures of 34,000 pixels a row.
_ROWS_READ, _ROWS_WRITTEN = 2000, 1700

# Bytes that libvips takes beside those rows while it writes. Measured on pictures of 8,000 pixels a row: 10
# to 35 million, by how its threads happen to meet.
_BESIDE_ROWS = 25_000_000

# Bytes a pixel that Pillow decodes to, of colours, and of grey alone: it holds them while our samples, too,
# are made of theirs. Measured on BMP, JPEG and PNG.
_DECODED, _DECODED_GREY = 4, 1

# Bytes a pixel, beside the samples, of what Pillow writes: its own copy, and the encoder's. Measured on WebP.
_PILLOW = 16

# Of the samples, what a lossy file takes at most; a lossless one may take all of them.
_LOSSY = 0.5

# Of the most that a file may take, what a photograph takes at least: a disk without room for that is refused
# before the work, and one that turns out too small after it has begun, without anything half-written.
_AT_LEAST = 1 / 8

# Bytes from which a user wants to know before the work.
LARGE = 10**9


@dataclass(frozen=True)
class Needs:
    """Bytes: ``memory`` of the whole process, ``disk`` where outputs go, at most, and ``temporary`` in the
    folder for temporary files."""

    memory: int
    disk: int
    temporary: int

    def __str__(self) -> str:
        temporary = f", and {_amount(self.temporary)} for temporary files" if self.temporary else ""
        return f"{_amount(self.memory)} of memory and up to {_amount(self.disk)} of disk{temporary}"

    @property
    def are_large(self) -> bool:
        """Whether they are worth a line."""
        return max(self.memory, self.disk, self.temporary) >= LARGE


def needs_of(source: Picture, targets: Mapping[Path, Picture]) -> Needs:
    """Those of ``source`` on its way to ``targets``, by path, which are written side by side."""
    if isinstance(source.strips, FileRows):
        held = _rows_of(source, _ROWS_READ) + source.strips.block
        decoded, turned = 0, source.strips.reads_backwards
    else:
        held, turned = source.n_bytes, False
        decoded = 2 * held
        if source.bits == 8:
            pixel = _DECODED_GREY if source.n_channels == 1 else _DECODED
            decoded += pixel * held // source.n_channels
    written = sum(_written(target, path) for path, target in targets.items())
    disk = sum(
        target.n_bytes if check_format(path).lossy is None else round(_LOSSY * target.n_bytes)
        for path, target in targets.items()
    )
    return Needs(PROCESS + max(decoded, held + written), disk, source.n_bytes if turned else 0)


def _written(target: Picture, path: Path) -> int:
    """Bytes that are held while ``target`` is made and written to ``path``."""
    if check_format(path).max_pixels is None and target.animation is None:
        return _rows_of(target, _ROWS_WRITTEN) + _BESIDE_ROWS
    return target.n_bytes + _PILLOW * target.n_frames * target.size[0] * target.size[1]


def check_disk(path: Path, needs: Needs) -> None:
    """Raises DiskFull where less is free for ``path`` than a photograph with ``needs`` takes at least, or for
    temporary files."""
    least = round(_AT_LEAST * needs.disk)
    for folder, needed in ((path.parent, least), (Path(tempfile.gettempdir()), needs.temporary)):
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise DiskFull(
                f"{path}: expected {_amount(needed)} of free disk in {folder}, found {_amount(free)}"
            )


def _rows_of(picture: Picture, n_rows: int) -> int:
    height = picture.size[0]
    return picture.n_bytes * min(n_rows, height) // height


def _amount(n_bytes: int) -> str:
    """In the largest unit that has a digit of it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= 0.05 * size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes / 1e3:.1f} kB"
