"""Picture files in and out."""

import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import II, MM, OPEN_INFO, TiffImageFile

from edge.errors import BadImage
from edge.images.decoding import MAX_HELD_PIXELS, MAX_PIXELS, decode, decode_frames
from edge.images.encoding import FORMATS, Format, check_format, encode
from edge.images.picture import Picture, picture_of
from edge.images.pixels import Samples
from edge.images.strip_queue import Reader, read_in_step
from edge.output_file import check_path, whole_file, write_errors
from models.arrays import Float

READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF")
ANIMATED = ("PNG", "WEBP", "GIF")

# How files begin whose kind we can name and not read: a photograph of a phone, by the brands of HEVC pictures
# (ISO/IEC 23008-12, annex B), and a codestream or a container of JPEG XL (ISO/IEC 18181-2).
_WITHOUT_DECODER = {
    "HEIC": re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL),
    "JPEG XL": re.compile(rb"\xff\x0a|\0{3}\x0cJXL \r\n\x87\n"),
}

# Kinds of TIFF file that Pillow's table lacks: black is zero, unsigned, 16 bits of grey and of alpha, which
# grey is multiplied by, or not, or which has no meaning. Names of raw modes are Pillow's; libvips decodes.
for _prefix in (II, MM):
    OPEN_INFO[_prefix, 1, (1,), 1, (16, 16), (1,)] = ("LA", "La;16B")
    OPEN_INFO[_prefix, 1, (1,), 1, (16, 16), (2,)] = ("LA", "LA;16B")
    OPEN_INFO[_prefix, 1, (1,), 1, (16, 16), (0,)] = ("I;16", "I;16")


def read_image(
    path: str | os.PathLike[str], held: int = MAX_HELD_PIXELS, *, animated: bool = False
) -> Picture:
    """The picture in ``path``: PNG, JPEG, WebP, AVIF, BMP, GIF or TIFF, upright by its orientation.

    Its colours are sRGB by its ICC profile or by PNG's gAMA and cHRM; palettes and CMYK become RGB; grey
    and 16 bits stay. What of the file is damaged beside its pixels is in the picture's ``notes``.
    A PNG, JPEG or TIFF file of more than ``held`` pixels is not held in memory: the picture's strips are
    read from it, so it has to stay. An animation (GIF, WebP, APNG) is read only if ``animated``.
    Raises BadImage, in one line, for whatever else the file may be: missing, unreadable, damaged, cut
    off, of more than MAX_PIXELS where it cannot be read row by row, of several frames, or no picture.
    """
    path = Path(path)
    if not os.path.isfile(path):
        found = "a folder" if os.path.isdir(path) else "no file there"
        raise BadImage(f"{path}: expected a picture file, found {found}")
    try:
        with open_image(path) as image:
            # A JPEG of a phone's camera (MPO) carries previews and gain maps behind the picture itself.
            n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            if n_frames == 1:
                return decode(path, image, held)
            if animated and image.format in ANIMATED:
                return decode_frames(path, image)
            raise BadImage(f"{path}: expected a single picture, found {n_frames} frames")
    except (BadImage, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        found = str(error).partition(" exceeds")[0]
        raise BadImage(
            f"{path}: expected at most {MAX_PIXELS} pixels of a file that cannot be read row by row, "
            f"found {found}"
        ) from error
    except UnidentifiedImageError as error:
        raise BadImage(f"{path}: expected a picture ({', '.join(READABLE)}), found {_found(path)}") from error
    except PermissionError as error:
        raise BadImage(f"{path}: expected a file that may be read, found {error.strerror}") from error
    except Exception as error:  # the decoders raise nearly every type on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadImage(f"{path}: expected a whole picture, found a damaged one ({reason})") from error


def _found(path: Path) -> str:
    """What a file is that Pillow knows no picture in, in words."""
    with path.open("rb") as file:
        head = file.read(12)
    for name, signature in _WITHOUT_DECODER.items():
        if signature.match(head):
            return f"{name}, for which nothing here has a decoder; save it as JPEG or PNG"
    return "another kind of file or a damaged header" if head else "an empty file"


def open_image(path: str | os.PathLike[str]) -> ImageFile.ImageFile:
    """Pillow's image of the file, of any size that need not be held, its pixels not decoded yet.

    Raises whatever Pillow does.
    """
    try:
        with warnings.catch_warnings():
            # What is too large is refused by MAX_PIXELS, whatever limit Pillow is set to.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=READABLE)
    except Image.DecompressionBombError:
        for kind in (PngImageFile, JpegImageFile, TiffImageFile):
            with suppress(SyntaxError):  # by which Pillow says that a file is of another kind
                return kind(path)
        raise


def is_animation(path: str | os.PathLike[str]) -> bool:
    """Whether the file in ``path`` has several frames that follow each other; what is no picture has none."""
    try:
        with open_image(path) as image:
            return image.format in ANIMATED and getattr(image, "n_frames", 1) > 1
    except Exception:  # Pillow raises nearly every type on damaged files; reading will say what is wrong
        return False


def check_output(
    path: str | os.PathLike[str],
    force: bool,
    picture: Picture | None = None,
    quality: int | None = None,
) -> None:
    """Raise now what ``write_picture`` would only raise after the work.

    What ``check_path`` raises, and BadInput if the format cannot hold ``picture``, which needs no strips yet,
    or has no ``quality``.
    """
    check_path(Path(path), FORMATS, force)
    check_format(Path(path), picture, quality)


def bits_of_output(path: str | os.PathLike[str], bits: int) -> int:
    """Those of each sample of a picture of ``bits``, 8 or 16, in a file whose name is ``path``."""
    return bits if check_format(Path(path)).deep else 8


def write_image(
    path: str | os.PathLike[str], rgb: Float, alpha: Float | None = None, icc_profile: bytes | None = None
) -> None:
    """``write_picture`` of planes alone: ``rgb`` (3, H, W) and ``alpha`` (H, W)."""
    path = Path(path)
    if rgb.ndim != 3 or rgb.shape[0] != 3 or 0 in rgb.shape:
        raise BadImage(f"{path}: expected pixels (3, H, W) to write, found {rgb.shape}")
    if alpha is not None and alpha.shape != rgb.shape[1:]:
        raise BadImage(f"{path}: expected alpha {rgb.shape[1:]} to write, found {alpha.shape}")
    write_picture(path, picture_of(rgb, alpha, icc_profile))


def write_picture(path: str | os.PathLike[str], picture: Picture, quality: int | None = None) -> None:
    """Write ``picture``, strip by strip, in the format that ``path`` ends in, in its bits and its profile,
    with its metadata: .png, .webp and .tif lossless, .jpg at quality 95 and .avif at 90 with full colour
    resolution; ``quality``, 1 to 100, is for .jpg, .webp and .avif.

    The file appears whole or not at all and replaces an existing one: ``check_output`` comes first.
    Raises BadImage for NaN, BadInput for what the format cannot hold (a JPEG has no transparency: nothing is
    flattened silently) and where the file cannot be written.
    """
    write_pictures({Path(path): picture}, ([strip] for strip in picture.strips), quality)


def write_pictures(
    pictures: Mapping[Path, Picture], strips: Iterable[Sequence[Samples]], quality: int | None = None
) -> None:
    """``write_picture`` of several, by path, side by side: each of ``strips`` has one of every picture. All
    appear when the last is whole, or none does."""
    forms = [check_format(path, picture, quality) for path, picture in pictures.items()]
    with ExitStack() as stack:

        def reader(path: Path, picture: Picture, form: Format) -> Reader:
            unfinished = stack.enter_context(whole_file(path, "the picture"))
            file = stack.enter_context(unfinished.open("xb"))

            def read(own: Iterable[Samples]) -> None:
                with write_errors(path, "the picture"):
                    encode(file, replace(picture, strips=own), form, quality)

            return read

        readers = [reader(*of, form) for of, form in zip(pictures.items(), forms, strict=True)]
        read_in_step(readers, strips)
