"""Pictures to calibrate on and to measure with: drawn ones, scikit-image's, or a user's folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.errors import BadInput
from edge.image_file import read_image, to_float
from models.drawings import draw_sample, draw_sheet

Float = NDArray[np.float32]

# Photographs that come with scikit-image: a cat, a cup, a rocket at dusk, a microscope's view.
PHOTOGRAPHS = ("chelsea", "coffee", "rocket", "immunohistochemistry")
N_SHEETS = 5

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def built_in_pictures() -> Iterator[Float]:
    """Drawn sheets and scikit-image's photographs at half their size: (3, H, W) in [0, 1].

    Half the size, because a photograph straight from a camera is smoother than what gets upscaled.
    """
    for seed in range(N_SHEETS):
        yield to_float(draw_sheet(192, 256, seed).transpose(2, 0, 1))
    for name in PHOTOGRAPHS:
        yield to_float(shrink(photograph(name), 2).transpose(2, 0, 1))


def photograph(name: str) -> NDArray[np.uint8]:
    """One of scikit-image's photographs, (H, W, 3). They lie in its wheel: nothing is downloaded."""
    from skimage import data

    picture: NDArray[np.uint8] = getattr(data, name)()
    return picture


def sample_pictures() -> Iterator[tuple[str, Float]]:
    """Pictures that an artifact is measured on when it is built; none of them calibrates."""
    yield "drawn screen", to_float(draw_sample().transpose(2, 0, 1))
    photo = shrink(photograph("astronaut"), 2)
    yield "photograph", to_float(photo.transpose(2, 0, 1))


def folder_pictures(folder: Path, limit: int) -> Iterator[Float]:
    """Pictures of ``folder``, at most ``limit``, evenly over their names.

    Raises BadInput if there is none, BadImage for a damaged one.
    """
    paths = picture_files(folder)
    for path in paths[:: -(-len(paths) // limit)]:
        yield read_image(path).rgb


def picture_files(folder: Path) -> list[Path]:
    """Paths of the pictures in ``folder``, by name. Raises BadInput if there is none."""
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise BadInput(f"{folder}: expected a folder of pictures, found {found}")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not paths:
        raise BadInput(f"{folder}: expected pictures ({', '.join(SUFFIXES)}), found none")
    return paths


def shrink(picture: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """(H, W, 3) reduced by a whole factor with Pillow's bicubic; what does not divide is cut off."""
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    whole = Image.fromarray(picture[: height * factor, : width * factor])
    return np.asarray(whole.resize((width, height), Image.Resampling.BICUBIC))
