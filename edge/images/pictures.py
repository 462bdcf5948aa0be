"""Pictures to calibrate on and to measure with: drawn ones, scikit-image's, or a user's folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInput
from edge.images.extremes import colour_tiles
from edge.images.image_file import read_image
from edge.images.metrics import SSIM_WINDOW
from edge.images.pixels import bytes_of, planes_of
from models import picture_files as files
from models.arrays import Float
from models.drawings import draw_sample, draw_sheet
from models.errors import DataError
from models.resize import bicubic

# Photographs that come with scikit-image: a cat, a cup, a rocket at dusk, a microscope's view.
PHOTOGRAPHS = ("chelsea", "coffee", "rocket", "immunohistochemistry")
N_SHEETS = 5

# Pictures that a baseline takes of a folder, spread over it.
MAX_BASELINE_PICTURES = 16

# Larger than the default tile, small enough for seconds in PyTorch.
SAMPLE_SIZE = (128, 160)


def built_in_pictures() -> Iterator[Float]:
    """Drawn sheets and scikit-image's photographs at half their size: (3, H, W) in [0, 1].

    Half the size, because a photograph straight from a camera is smoother than what gets upscaled.
    """
    for seed in range(N_SHEETS):
        yield planes_of(draw_sheet(192, 256, seed))
    for name in PHOTOGRAPHS:
        yield planes_of(shrink(photograph(name), 2))


def photograph(name: str) -> NDArray[np.uint8]:
    """One of scikit-image's photographs, (H, W, 3). They lie in its wheel: nothing is downloaded."""
    from skimage import data

    picture: NDArray[np.uint8] = getattr(data, name)()
    return picture


def sample_pictures(smallest: int = 0) -> Iterator[tuple[str, Float]]:
    """Pictures that an artifact is measured on, with sides of at least ``smallest`` (up to 256); none of
    them calibrates."""
    height, width = (max(side, smallest) for side in SAMPLE_SIZE)
    screen = draw_sample(height=max(240, smallest))[-height:, :width]
    yield "drawn screen", planes_of(screen)
    portrait = shrink(photograph("astronaut"), 2)
    left = min(60, portrait.shape[1] - width)
    yield "photograph", planes_of(portrait[:height, left : left + width])


def folder_pictures(folder: Path, limit: int) -> Iterator[Float]:
    """Pictures of ``folder``, at most ``limit``, evenly over their names.

    Raises BadInput if there is none, BadImage for a damaged one.
    """
    paths = picture_files(folder)
    for path in paths[:: -(-len(paths) // limit)]:
        yield read_image(path).rgb


def baseline_pictures(folder: Path | None, tile: int) -> list[tuple[str, Float]]:
    """Two square tiles, corner and middle, of each picture of ``folder`` (None: the sample pictures), and
    those of pure colours.

    Raises BadInput for a picture smaller than ``tile``, and for tiles too small for SSIM.
    """
    if tile < SSIM_WINDOW:
        raise BadInput(f"expected tiles of at least {SSIM_WINDOW} pixels, the window of SSIM, found {tile}")
    if folder is None:
        named = list(sample_pictures(tile))
    else:
        pictures = folder_pictures(folder, MAX_BASELINE_PICTURES)
        named = [(f"picture {number}", picture) for number, picture in enumerate(pictures, 1)]
    tiles = []
    for name, picture in named:
        height, width = picture.shape[1:]
        if min(height, width) < tile:
            raise BadInput(f"{name}: expected at least {tile}x{tile} pixels, found {width}x{height}")
        corners = [(0, 0), ((height - tile) // 2, (width - tile) // 2)]
        for top, left in corners:
            cut = np.ascontiguousarray(picture[:, top : top + tile, left : left + tile])
            tiles.append((f"{name} ({top}, {left})", cut))
    colours = enumerate(colour_tiles(tile), 1)
    return tiles + [(f"pure colours {number}", picture) for number, picture in colours]


def picture_files(folder: Path) -> list[Path]:
    """Those of ``folder``, as ``models.picture_files`` finds them. Raises BadInput if there is none."""
    try:
        return files.picture_files(folder)
    except DataError as error:
        raise BadInput(str(error)) from error


def shrink(picture: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """(H, W, 3) reduced by a whole factor with Pillow's bicubic; what does not divide is cut off."""
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    return bicubic(picture[: height * factor, : width * factor], (height, width))


def beside(left: Float, right: Float) -> Float:
    """Two pictures (3, H, W) side by side, every pixel doubled so that a browser does not blur them."""
    gap = np.ones((3, left.shape[1], 4), np.float32)
    joined = np.concatenate([left, gap, right], axis=2).clip(0, 1)
    doubled: Float = joined.repeat(2, axis=1).repeat(2, axis=2)
    return doubled


def resize_bicubic(rgb: Float, size: tuple[int, int]) -> Float:
    """(3, h, w) in [0, 1] resized in 8 bits by Pillow's bicubic to ``size`` (H, W)."""
    return planes_of(bicubic(bytes_of(rgb), size))
