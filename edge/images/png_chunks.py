"""A PNG file's chunks: what stands around its pixels."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edge.images.pixels import Samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# By the number of channels: grey, grey and alpha, colours, colours and alpha.
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}

# Bytes of samples that are copied at a time.
_PIECE = 2**20


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk but those of pixels, from the beginning of ``file`` to where they end."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        (size,), name = struct.unpack(">I", head[:4]), head[4:]
        if name == b"IDAT":
            file.seek(size + 4, io.SEEK_CUR)
        else:
            yield name, file.read(size)
            file.seek(4, io.SEEK_CUR)  # the checksum


def chunk(name: bytes, body: bytes) -> bytes:
    """As a file has it: length, name, body, checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def of_one_pixel(path: Path) -> io.BytesIO:
    """The file with one black pixel in place of all: what else it says can be read without decoding them.

    EXIF and texts may stand behind the pixels, and Pillow decodes all to come to them.
    """
    with path.open("rb") as file:
        (_, header), *others = chunks(file)
    depth_to_interlace = header[8:]
    pixels = chunk(b"IDAT", zlib.compress(bytes(9)))  # a filter, and at most 4 samples of 16 bits
    content = [
        chunk(b"IHDR", struct.pack(">II", 1, 1) + depth_to_interlace),
        *(chunk(name, body) for name, body in others if name != b"IEND"),
    ]
    return io.BytesIO(SIGNATURE + b"".join(content) + pixels + chunk(b"IEND", b""))


def uncompressed(
    size: tuple[int, int], n_channels: int, bits: int, strips: Iterable[Samples]
) -> Iterator[bytes]:
    """A file of ``strips`` (n, W, C), in pieces: libvips reads it through a pipe, as it comes."""
    height, width = size
    n_bytes = width * n_channels * bits // 8  # of a row
    header = struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPES[n_channels], 0, 0, 0)
    yield SIGNATURE + chunk(b"IHDR", header)
    stored = zlib.compressobj(0)
    n_rows = max(1, _PIECE // n_bytes)
    for strip in strips:
        for top in range(0, len(strip), n_rows):
            samples = np.ascontiguousarray(strip[top : top + n_rows], f">u{bits // 8}")
            rows = np.zeros((len(samples), 1 + n_bytes), np.uint8)  # the first byte says: no filter
            rows[:, 1:] = samples.view(np.uint8).reshape(len(samples), n_bytes)
            yield chunk(b"IDAT", stored.compress(rows.tobytes()))
    yield chunk(b"IDAT", stored.flush()) + chunk(b"IEND", b"")
