"""Image files of all kinds, made by hand, and a user to whom permissions matter."""

import contextlib
import functools
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms

from edge.images.picture import Picture
from edge.images.pixels import to_uint8

NOBODY = 65534  # the unprivileged user of every Linux and macOS


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, 255 - x * 255 // width], -1).astype(np.uint8)


def as_bytes(picture: Picture) -> np.ndarray:
    """(H, W, 3) uint8, the way that Pillow and the eye have it."""
    return to_uint8(picture.rgb).transpose(1, 2, 0)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width: int, height: int, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlace)
    body = png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")


def icc_profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """The smallest ICC version 2 profile with these tags."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body + b"\0" * (-len(body) % 4)
    white = struct.pack(">iii", 63190, 65536, 54061)  # D50, s15Fixed16
    header = struct.pack(
        ">I4sI4s4s4s12s4s", start + len(data), b"", 0x02400000, kind, space, pcs, b"", b"acsp"
    )
    return header + b"\0" * (68 - len(header)) + white + b"\0" * 48 + table + data


def linear_grey_profile() -> bytes:
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    return icc_profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": b"curv" + b"\0" * 8})


def cmyk_profile_that_prints_cyan_as_red() -> bytes:
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    paper, red, black = bytes((255, 128, 128)), bytes((138, 208, 195)), bytes((0, 128, 128))  # Lab
    # Corners of the ink cube, C turning slowest and K fastest.
    grid = b"".join(black if corner & 1 else red if corner & 8 else paper for corner in range(16))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + identity * 4 + grid + identity * 3
    return icc_profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


@functools.cache
def srgb_profile() -> bytes:
    """Always the same one: a profile says when it was made, to the second."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder to work in, as a user whom permissions bind: they do not bind root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    user = os.geteuid()
    try:
        if user == 0:
            try:
                os.seteuid(NOBODY)
            except OSError:
                pytest.skip("needs a user other than root, and this system has none to lend")
        yield folder
    finally:
        os.seteuid(user)
        folder.chmod(0o777)
        shutil.rmtree(folder)
