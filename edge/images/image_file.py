"""Picture files in and out, and the pixel contract between bytes and floats.

Pixels: u8 to f32 is ``v / 255``; f32 to u8 clamps to [0, 1], multiplies by 255 and rounds half to even,
all in float32. Kotlin, Swift and C++ do the same, to the byte.
"""

import io
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from edge.errors import BadImage, BadInput
from edge.output_file import check_path, check_suffix, whole_file
from models.arrays import Float

Bytes = NDArray[np.uint8]

READABLE = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

# As float32 RGB a picture of this many pixels takes 1 GiB. A file that claims more is refused before
# its pixels are decoded: a few kilobytes can claim any size.
MAX_PIXELS = 2**30 // (3 * 4)

# Pillow's 8-bit modes whose colours are defined without further knowledge. Absent: I and F (no known
# range), LAB and HSV (no picture file in daily use). 16-bit grey is read apart.
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright. ``rgb``: (3, H, W) float32 in [0, 1].

    ``alpha``: (H, W) float32 in [0, 1], None where every pixel is opaque. ``icc_profile``: the RGB
    profile that the colours are in, to be written along with them; None is sRGB.
    """

    rgb: Float
    alpha: Float | None = None
    icc_profile: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.rgb.shape[1], self.rgb.shape[2]

    @property
    def planes(self) -> Float:
        """What is enlarged: ``rgb``, with alpha (4, H, W) where there is one."""
        return self.rgb if self.alpha is None else np.concatenate([self.rgb, self.alpha[None]])


@dataclass(frozen=True)
class _Format:
    name: str
    max_side: int  # pixels
    alpha: bool
    options: dict[str, Any] = field(default_factory=dict)


# JPEG: 4:4:4, so that coloured text keeps its edges. WebP: lossless, because lossy WebP always halves
# the resolution of colour; exact keeps the colours under transparent pixels.
_JPEG = _Format("JPEG", 65_500, alpha=False, options={"quality": 95, "subsampling": 0})
_FORMATS = {
    ".png": _Format("PNG", 2**31 - 1, alpha=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _Format("WEBP", 16_383, alpha=True, options={"lossless": True, "exact": True}),
}


def to_float(u8: Bytes) -> Float:
    """Bytes to float32 in [0, 1]: ``v / 255``."""
    floats: Float = u8.astype(np.float32) / np.float32(255)
    return floats


def to_uint8(f32: Float) -> Bytes:
    """Floats to bytes: clamped to [0, 1], times 255 in float32, rounded half to even.

    Infinities clamp. Raises BadImage for NaN, which has no nearest byte.
    """
    values = np.asarray(f32, np.float32)
    n_nan = int(np.isnan(values).sum())
    if n_nan:
        raise BadImage(f"expected pixels in numbers, found NaN in {n_nan} of {values.size} values")
    u8: Bytes = np.rint(np.clip(values, 0, 1) * np.float32(255)).astype(np.uint8)
    return u8


def read_image(path: str | os.PathLike[str]) -> Picture:
    """The picture in ``path``: PNG, JPEG, WebP, BMP, GIF or TIFF, turned upright by its EXIF orientation.

    Grey, palette, 1-bit and CMYK become RGB; grey and CMYK with a colour profile become sRGB through
    it. 16-bit grey keeps its 16 bits, other 16-bit pictures their upper 8.
    Raises BadImage, in one line, for whatever else the file may be: missing, unreadable, damaged, cut
    off, of more than MAX_PIXELS, animated, or no picture.
    """
    path = Path(path)
    if not os.path.isfile(path):
        found = "a folder" if os.path.isdir(path) else "no file there"
        raise BadImage(f"{path}: expected a picture file, found {found}")
    try:
        with warnings.catch_warnings():
            # Above MAX_PIXELS _check_size raises, whatever limit Pillow is set to.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=READABLE) as image:
                _check_size(path, image)
                image.load()
                return _decode(path, image)
    except (BadImage, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        found = str(error).partition(" exceeds")[0]
        raise BadImage(f"{path}: expected at most {MAX_PIXELS} pixels, found {found}") from error
    except UnidentifiedImageError as error:
        found = "another kind of file or a damaged header" if os.path.getsize(path) else "an empty file"
        raise BadImage(f"{path}: expected a picture ({', '.join(READABLE)}), found {found}") from error
    except PermissionError as error:
        raise BadImage(f"{path}: expected a file that may be read, found {error.strerror}") from error
    except Exception as error:  # Pillow's decoders raise nearly every type on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadImage(f"{path}: expected a whole picture, found a damaged one ({reason})") from error


def check_output(
    path: str | os.PathLike[str], force: bool, *, size: tuple[int, int] | None = None, alpha: bool = False
) -> None:
    """Raise now what ``write_image`` would only raise after the work.

    What ``check_path`` raises, and BadInput if the format cannot hold a picture of ``size`` (height, width)
    or, with ``alpha``, transparency.
    """
    check_path(Path(path), _FORMATS, force)
    _check_format(Path(path), size, alpha)


def write_image(
    path: str | os.PathLike[str], rgb: Float, alpha: Float | None = None, icc_profile: bytes | None = None
) -> None:
    """Write ``rgb`` (3, H, W) and ``alpha`` (H, W), in [0, 1] after clamping, in the format that ``path``
    ends in: .png and .webp lossless, .jpg at quality 95 with full colour resolution.

    The file appears whole or not at all and replaces an existing one: ``check_output`` comes first.
    Raises BadImage for NaN and other shapes, BadInput for what the format cannot hold (a JPEG has no
    transparency: nothing is flattened silently) and where the file cannot be written.
    """
    path = Path(path)
    if rgb.ndim != 3 or rgb.shape[0] != 3 or 0 in rgb.shape:
        raise BadImage(f"{path}: expected pixels (3, H, W) to write, found {rgb.shape}")
    if alpha is not None and alpha.shape != rgb.shape[1:]:
        raise BadImage(f"{path}: expected alpha {rgb.shape[1:]} to write, found {alpha.shape}")
    form = _check_format(path, (rgb.shape[1], rgb.shape[2]), alpha is not None)
    channels = to_uint8(rgb if alpha is None else np.concatenate([rgb, alpha[None]]))
    image = Image.fromarray(np.ascontiguousarray(channels.transpose(1, 2, 0)))
    with whole_file(path, "the picture") as partial, partial.open("xb") as file:
        image.save(file, form.name, icc_profile=icc_profile, **form.options)


def _check_size(path: Path, image: Image.Image) -> None:
    n_pixels = image.width * image.height
    if n_pixels > MAX_PIXELS:
        raise BadImage(
            f"{path}: expected at most {MAX_PIXELS} pixels, found {image.width}x{image.height} = {n_pixels}"
        )
    # A JPEG of a phone's camera (MPO) carries previews and gain maps behind the picture itself.
    n_frames = getattr(image, "n_frames", 1)
    if n_frames != 1 and image.format != "MPO":
        raise BadImage(f"{path}: expected a single picture, found {n_frames} frames")


def _decode(path: Path, image: Image.Image) -> Picture:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return _decode_grey16(image)
    if image.mode not in _EIGHT_BIT_MODES:
        raise BadImage(f"{path}: expected 8-bit colours or 8- or 16-bit grey, found mode {image.mode}")
    alpha = to_float(np.asarray(image.convert("RGBA"))[:, :, 3]) if image.has_transparency_data else None
    profile: bytes | None = image.info.get("icc_profile") or None
    space = profile[16:20] if profile else b""  # the header's field "colour space of data" (ICC.1, 7.2)
    if profile and (image.mode, space) in {("CMYK", b"CMYK"), ("L", b"GRAY"), ("LA", b"GRAY")}:
        source = image if image.mode == "CMYK" else image.convert("L")
        image = _to_srgb(source, profile)
    u8 = np.asarray(image.convert("RGB"))
    rgb = np.ascontiguousarray(to_float(u8).transpose(2, 0, 1))
    return Picture(rgb, _unless_opaque(alpha), profile if space == b"RGB " else None)


def _decode_grey16(image: Image.Image) -> Picture:
    values = np.asarray(image)
    grey = values.astype(np.float32) / np.float32(65_535)
    clear = image.info.get("transparency")  # PNG: the one grey value that is transparent
    alpha = None if clear is None else (values != clear).astype(np.float32)
    return Picture(np.repeat(grey[None], 3, axis=0), _unless_opaque(alpha))


def _unless_opaque(alpha: Float | None) -> Float | None:
    return None if alpha is None or (alpha == 1).all() else alpha


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None  # None is for inPlace only
    return converted


def _check_format(path: Path, size: tuple[int, int] | None, alpha: bool) -> _Format:
    check_suffix(path, _FORMATS)
    form = _FORMATS[path.suffix.lower()]
    if size is not None and max(size) > form.max_side:
        raise BadInput(
            f"{path}: expected at most {form.max_side} pixels a side, which is {form.name}'s limit, "
            f"found {size[1]}x{size[0]}"
        )
    if alpha and not form.alpha:
        raise BadInput(f"{path}: expected an opaque picture for {form.name}, found transparency; write .png")
    return form
