"""Pillow's images and NumPy's arrays as ``Picture``s, and pictures as them."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base as Tag

from edge.errors import BadImage
from edge.images.image_file import read_image
from edge.images.metadata import orientation
from edge.images.picture import Picture
from edge.images.pixels import grey_of, to_float, to_uint8, to_uint16
from models.arrays import Float

Array = NDArray[Any]

# Pillow's modes that its TIFF files hold as they are; others are converted without loss or are refused.
_STORED = ("1", "L", "P", "RGB", "CMYK", "I;16", "I;16B", "I;16L", "I;16N")
_AS_RGB = ("RGBX", "YCbCr")
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def picture_of_image(image: Image.Image) -> Picture:
    """``image`` as ``read_image`` has it when it comes from a file, upright, without EXIF, XMP and texts.

    Raises BadImage for pixels without a known range (modes ``I``, ``F``, …), and for animations.
    """
    if image.mode not in (*_STORED, *_AS_RGB, *_WITH_ALPHA):
        raise BadImage(f"expected 8 or 16 bits of grey or colour, found mode {image.mode}")
    if getattr(image, "n_frames", 1) != 1 and image.format != "MPO":
        raise BadImage(f"expected a single picture, found {getattr(image, 'n_frames', 1)} frames")
    # By a file, because profiles, palettes and bits are of files: what reads those reads this one.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.tif"
        _storable(image).save(path, **_described(image))
        picture = read_image(path, held=sys.maxsize)
    return replace(picture, metadata=replace(picture.metadata, exif=b""))


def bits_of_image(picture: Picture) -> int:
    """Those of each sample in Pillow's image of ``picture``: Pillow has 16 for opaque grey only."""
    return picture.bits if picture.grey and not picture.has_alpha else 8


def image_of_picture(picture: Picture) -> Image.Image:
    """``picture``, of ``bits_of_image``, in mode ``L``, ``LA``, ``RGB``, ``RGBA`` or, grey in 16 bits,
    ``I;16``; its profile and resolution are in ``info``, which Pillow saves."""
    samples = picture.samples
    image = Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)
    if picture.icc_profile and not picture.grey:
        image.info["icc_profile"] = picture.icc_profile
    if picture.metadata.dpi:
        image.info["dpi"] = picture.metadata.dpi
    return image


def planes_of_array(array: Array) -> Float:
    """``array`` (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA in sRGB, uint8, uint16, or float32 in [0, 1], as
    a network's planes (3, H, W), with alpha (4, H, W) where something shows through.

    Raises BadImage for others.
    """
    grey = array.ndim == 2
    if not (grey or (array.ndim == 3 and array.shape[2] in (3, 4))) or 0 in array.shape:
        raise BadImage(f"expected an array (H, W), (H, W, 3) or (H, W, 4), found {array.shape}")
    if array.dtype not in (np.uint8, np.uint16, np.float32):
        raise BadImage(f"expected an array of uint8, uint16 or float32, found {array.dtype}")
    if array.dtype == np.float32 and not ((array >= 0) & (array <= 1)).all():  # NaN is neither
        raise BadImage(f"expected floats in [0, 1], found {array.min():g} to {array.max():g}")
    planes = array[None] if grey else array.transpose(2, 0, 1)
    floats: Float = np.ascontiguousarray(planes if array.dtype == np.float32 else to_float(planes))
    if grey:
        return np.repeat(floats, 3, axis=0)
    return floats[:3] if (floats[3:] == 1).all() else floats


def array_of_planes(planes: Float, like: Array) -> Array:
    """``planes``, clamped to [0, 1], in the layout and dtype of ``like``, of whose planes they were made.

    Raises BadImage for NaN.
    """
    if like.ndim == 2:
        planes = grey_of(planes)[None]
    elif len(planes) < like.shape[2]:
        planes = np.concatenate([planes, np.ones_like(planes[:1])])
    samples: Array = _CONVERSIONS[like.dtype.name](planes)
    return samples[0] if like.ndim == 2 else np.ascontiguousarray(samples.transpose(1, 2, 0))


def _clamped(planes: Float) -> Float:
    if np.isnan(planes).any():
        raise BadImage("expected pixels in numbers, found NaN")
    return planes.clip(0, 1)


_CONVERSIONS: dict[str, Callable[[Float], Array]] = {
    "uint8": to_uint8,
    "uint16": to_uint16,
    "float32": _clamped,
}


def _storable(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    return image.convert("RGB") if image.mode in _AS_RGB else image


def _described(image: Image.Image) -> dict[str, Any]:
    """Pillow's options for what else of ``image`` counts: profile, resolution, orientation."""
    exif = Image.Exif()
    try:
        exif[Tag.Orientation] = orientation(image)
    except Exception:  # Pillow's reader of EXIF raises nearly every type on damaged blocks
        exif[Tag.Orientation] = 1
    options: dict[str, Any] = {"exif": exif, "icc_profile": image.info.get("icc_profile")}
    if "dpi" in image.info:
        options["dpi"] = image.info["dpi"]
    return options
