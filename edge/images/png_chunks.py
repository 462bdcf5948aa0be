"""A PNG file's chunks: what stands around its pixels."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"


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
