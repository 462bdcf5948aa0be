"""What happens to pictures on their way to a user, for training: how they are reduced, blurred, sharpened,
saved, and saved again.

The steps are those of published recipes for blind super-resolution (BSRGAN, arXiv 2103.14006, section 3;
Real-ESRGAN, arXiv 2107.10833, section 3), at strengths as pictures from the web and messengers have them.
Everything is drawn from the generator that is handed over, so that a sample is the same whenever it is made.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from models.errors import DataError

# (height, width, 3) RGB.
Picture = NDArray[np.uint8]

# Filters of a reduction. With antialiasing, Pillow widens them to the LR pixel; box is the mean over it.
ANTIALIASED = (
    Image.Resampling.BICUBIC,
    Image.Resampling.BILINEAR,
    Image.Resampling.BOX,
    Image.Resampling.LANCZOS,
)
# Without, they read the HR pixels nearest to the LR pixel's centre, as cheap viewers do.
ALIASED = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
ALIASED_SHARE = 0.15

LARGEST_SIGMA = 1.0  # of a blur, in LR pixels
LARGEST_NOISE = 12.0  # standard deviation of Gaussian noise, in steps of 1/255
PHOTONS = (30.0, 1000.0)  # at white, of Poisson noise: dark rooms to daylight
JPEG_BLOCK = 8  # pixels; with 4:2:0 twice as many


@dataclass(frozen=True)
class Degradation:
    """The ``[degradation]`` of a recipe. Raises DataError for values that are no shares or qualities.

    ``share``: of samples that are degraded at all; the others are reduced by bicubic, as without it. Of
    those: ``blurred``, ``noisy``, ``sharpened`` and ``saved`` (as JPEG or WebP, at a quality between
    ``lowest`` and ``highest``) say which share meets each step, ``again`` which meets the last three twice.
    """

    share: float = 0.0
    blurred: float = 0.3
    noisy: float = 0.2
    sharpened: float = 0.15
    saved: float = 0.9
    again: float = 0.2
    lowest: int = 30
    highest: int = 95

    def __post_init__(self) -> None:
        for name in ("share", "blurred", "noisy", "sharpened", "saved", "again"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"expected {name} from 0 to 1, found {getattr(self, name):g}")
        if not 1 <= self.lowest <= self.highest <= 100:
            raise DataError(f"expected qualities within 1 to 100, found {self.lowest} to {self.highest}")


def degrade(hr: Picture, size: tuple[int, int], spec: Degradation, rng: np.random.Generator) -> Picture:
    """``hr`` (H, W, 3) as a user might have it, at ``size`` (h, w)."""
    if rng.random() < spec.blurred:
        zoom = hr.shape[0] / size[0]
        sigmas = zoom * rng.uniform(0.1, LARGEST_SIGMA, 2)
        if rng.random() < 0.5:
            sigmas[1] = sigmas[0]
        hr = blur(hr, (sigmas[0], sigmas[1]), rng.uniform(0, math.pi))
    lr = reduce(hr, size, rng)
    for _ in range(2 if rng.random() < spec.again else 1):
        if rng.random() < spec.noisy:
            lr = add_noise(lr, rng)
        if rng.random() < spec.sharpened:
            lr = sharpen(lr, rng.uniform(0.5, 1.5), rng.uniform(30, 150))
        if rng.random() < spec.saved:
            lr = save(lr, int(rng.integers(spec.lowest, spec.highest + 1)), rng)
    return lr


def blur(picture: Picture, sigmas: tuple[float, float], angle: float) -> Picture:
    """``picture`` under a Gaussian with these standard deviations, in pixels, along its two axes, of which
    the first is turned by ``angle``; its border is repeated outwards."""
    radius = max(1, math.ceil(3 * max(sigmas)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    kernel = np.exp(-0.5 * ((along / sigmas[0]) ** 2 + (across / sigmas[1]) ** 2))
    kernel /= kernel.sum()
    padded = np.pad(picture, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    channels = torch.from_numpy(padded).permute(2, 0, 1)[:, None].float()  # (3, 1, H + 2r, W + 2r)
    blurred = F.conv2d(channels, torch.from_numpy(kernel)[None, None].float())
    return _to_bytes(blurred[:, 0].permute(1, 2, 0).numpy())


def reduce(hr: Picture, size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """``hr`` at ``size`` (h, w) by a filter that is drawn."""
    image, wanted = Image.fromarray(hr), (size[1], size[0])
    if rng.random() < ALIASED_SHARE:
        resample = ALIASED[rng.integers(len(ALIASED))]
        extent = (0, 0, *image.size)
        return np.asarray(image.transform(wanted, Image.Transform.EXTENT, extent, resample))
    return np.asarray(image.resize(wanted, ANTIALIASED[rng.integers(len(ANTIALIASED))]))


def add_noise(picture: Picture, rng: np.random.Generator) -> Picture:
    """``picture`` with Gaussian noise of up to ``LARGEST_NOISE``, of each colour or of grey, or with
    Poisson noise as of a number of photons that is drawn."""
    if rng.random() < 0.5:
        photons = math.exp(rng.uniform(math.log(PHOTONS[0]), math.log(PHOTONS[1])))
        return _to_bytes(rng.poisson(picture / 255 * photons) / photons * 255)
    channels = 1 if rng.random() < 0.4 else 3
    noise = rng.normal(0, rng.uniform(0, LARGEST_NOISE), (*picture.shape[:2], channels))
    return _to_bytes(picture + noise)


def sharpen(picture: Picture, radius: float, percent: float) -> Picture:
    """``picture`` with the difference to its blur, of ``radius`` pixels, added by ``percent``: what phones do
    to theirs."""
    mask = ImageFilter.UnsharpMask(radius, round(percent), threshold=2)
    return np.asarray(Image.fromarray(picture).filter(mask))


def save(picture: Picture, quality: int, rng: np.random.Generator) -> Picture:
    """``picture`` as it comes back from a JPEG (4:2:0 or 4:4:4) or a WebP file of ``quality``.

    A patch begins anywhere in its picture: the grid of blocks begins anywhere in the patch.
    """
    top, left = (int(start) for start in rng.integers(0, 2 * JPEG_BLOCK, 2))
    height, width = picture.shape[:2]
    bottom, right = (-(start + side) % (2 * JPEG_BLOCK) for start, side in ((top, height), (left, width)))
    padded = np.pad(picture, ((top, bottom), (left, right), (0, 0)), mode="symmetric")
    if rng.random() < 0.25:
        decoded = through_file(padded, "WEBP", quality=quality, method=2)
    else:
        subsampling = "4:4:4" if rng.random() < 0.3 else "4:2:0"
        decoded = through_file(padded, "JPEG", quality=quality, subsampling=subsampling)
    return decoded[top : top + height, left : left + width]


def through_file(picture: Picture, kind: str, **options: int | str) -> Picture:
    """``picture`` as it comes back from a file of this ``kind``, written by Pillow with these ``options``."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    with Image.open(file) as opened:
        return np.asarray(opened.convert("RGB"))


def _to_bytes(values: NDArray[np.floating]) -> Picture:
    rounded: Picture = values.round().clip(0, 255).astype(np.uint8)
    return rounded
