"""The pixel contract between bytes and floats.

u8 to f32 is ``v / 255``; f32 to u8 clamps to [0, 1], multiplies by 255 and rounds half to even, all in
float32. Kotlin, Swift and C++ do the same, to the byte. 16 bits: the same with 65535.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadImage
from models.arrays import Float

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]
Samples = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16


def to_float(samples: Samples) -> Float:
    """Bytes to float32 in [0, 1]: ``v / 255``; 16-bit samples: ``v / 65535``."""
    floats: Float = samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)
    return floats


def to_uint8(f32: Float) -> Bytes:
    """Floats to bytes: clamped to [0, 1], times 255 in float32, rounded half to even.

    Infinities clamp. Raises BadImage for NaN, which has no nearest byte.
    """
    u8: Bytes = _rounded(f32, 255).astype(np.uint8)
    return u8


def to_uint16(f32: Float) -> Words:
    """Floats to 16-bit samples: as ``to_uint8``, times 65535."""
    u16: Words = _rounded(f32, 65_535).astype(np.uint16)
    return u16


def planes_of(pixels: Samples) -> Float:
    """Samples (H, W, C) as planes (C, H, W) in [0, 1], contiguous."""
    return to_float(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def bytes_of(planes: Float) -> Bytes:
    """The inverse of ``planes_of`` for bytes: (C, H, W), clamped and rounded, to (H, W, C), contiguous.

    Raises BadImage for NaN.
    """
    return np.ascontiguousarray(to_uint8(planes).transpose(1, 2, 0))


def grey_of(rgb: Float) -> Float:
    """(3, H, W) to (H, W): the mean of the three colours, added in this order, as C++ adds them."""
    red, green, blue = rgb
    grey: Float = (red + green + blue) / np.float32(3)
    return grey


def _rounded(f32: Float, white: int) -> Float:
    values = np.asarray(f32, np.float32)
    n_nan = int(np.isnan(values).sum())
    if n_nan:
        raise BadImage(f"expected pixels in numbers, found NaN in {n_nan} of {values.size} values")
    rounded: Float = np.rint(np.clip(values, 0, 1) * np.float32(white))
    return rounded
