"""How far two pictures are apart. All take float arrays of equal shape and say their peak and unit."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float

# Luma weights of ITU-R BT.601 for RGB in [0, 1], as the published protocol has them.
LUMA = np.array([65.738, 129.057, 25.064]) / 256

# SSIM's Gaussian window as Wang et al. 2004 define it; scikit-image needs the cut-off to match 11 taps.
SSIM_SIGMA = 1.5
SSIM_WINDOW = 11

# Pixels a side of what is looked at as one area: a quarter of a small icon.
BLOCK = 16

# GMSD's constant (Xue et al. 2014: 0.0026), which is 170 for luma in [0, 255].
GMSD_C = 170 / 255**2


# dB. For equal pictures, where infinity cannot be: in percentiles, and in JSON.
EQUAL_DB = 200.0


def psnr(a: Float, b: Float, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures, NaN if either has a NaN."""
    mse = float(np.mean((a.astype(np.float64) - b) ** 2))
    return math.inf if mse == 0 else 10 * math.log10(peak**2 / mse)


def psnr_of_all(psnrs: Iterable[float]) -> float:
    """PSNR in dB of the mean squared error over pictures that have ``psnrs`` at one peak, of equal weight.

    Infinite if all are equal, NaN with a NaN.
    """
    mse = np.mean([10 ** (-each / 10) for each in psnrs])
    return math.inf if mse == 0 else -10 * math.log10(mse)


def max_abs(a: Float, b: Float) -> float:
    """Largest absolute difference of any value; NaN if either has a NaN."""
    return float(np.max(np.abs(a - b)))


def block_errors(a: Float, b: Float) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Difference of the mean colours of blocks of 16x16 pixels in (3, H, W) pictures, eight pixels apart, the
    last ones flush with the border: first rows (R,), first columns (C,), and the largest of the three
    channels' absolute differences (R, C), in steps of 1/255. A smaller picture is one block; NaN stays NaN.
    """
    sums = np.pad((a.astype(np.float64) - b).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    (rows, height), (columns, width) = (_block_starts(side) for side in a.shape[1:])
    upper, lower = sums[:, rows], sums[:, rows + height]
    total = (
        lower[..., columns + width] - lower[..., columns] - upper[..., columns + width] + upper[..., columns]
    )
    errors: Float = (255 * np.abs(total / (height * width)).max(0)).astype(np.float32)
    return rows, columns, errors


def _block_starts(side: int) -> tuple[NDArray[np.int64], int]:
    size = min(BLOCK, side)
    return np.unique([*range(0, side - size, BLOCK // 2), side - size]), size


def ssim(a: Float, b: Float, peak: float = 1.0) -> float:
    """Structural similarity (Wang et al. 2004) of (3, H, W) pictures or (H, W) planes, at most 1.

    Raises ValueError for sides under 11 pixels, the size of its window.
    """
    from skimage.metrics import structural_similarity

    return float(
        # In float32 the variances of dark flat areas cancel out: pictures 151 dB apart had 0.999998.
        structural_similarity(
            a.astype(np.float64),
            b.astype(np.float64),
            data_range=peak,
            channel_axis=0 if a.ndim == 3 else None,
            gaussian_weights=True,
            sigma=SSIM_SIGMA,
            use_sample_covariance=False,
            truncate=(SSIM_WINDOW // 2) / SSIM_SIGMA,
        )
    )


def luma(rgb: Float) -> Float:
    """(3, H, W) RGB in [0, 1] to (H, W) luma, without its constant offset."""
    weighted: Float = np.tensordot(LUMA, rgb, axes=1).astype(np.float32)
    return weighted


def gradient(plane: Float) -> Float:
    """Gradient magnitude of (H, W) by Prewitt/3, whose answer to a sharp step is the step's height.

    The border's pixels are repeated outwards.
    """
    p = np.pad(plane, 1, mode="edge")
    down = (p[2:] - p[:-2]) / 3
    across = (p[:, 2:] - p[:, :-2]) / 3
    horizontal = across[:-2] + across[1:-1] + across[2:]
    vertical = down[:, :-2] + down[:, 1:-1] + down[:, 2:]
    magnitude: Float = np.hypot(horizontal, vertical)
    return magnitude


def gmsd(a: Float, b: Float) -> float:
    """Gradient magnitude similarity deviation (Xue et al. 2014, arXiv 1308.3052) of (3, H, W) pictures in
    [0, 1]: 0 for equal ones, larger for worse ones.

    On luma of full range, averaged over 2×2 pixels first; an odd row or column is left out.
    """
    slope_a, slope_b = (gradient(_halve(luma(picture) / LUMA.sum())) for picture in (a, b))
    similarity = (2 * slope_a * slope_b + GMSD_C) / (slope_a**2 + slope_b**2 + GMSD_C)
    return float(np.std(similarity))


def _halve(plane: Float) -> Float:
    height, width = (side // 2 for side in plane.shape)
    halved: Float = plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
    return halved


def psnr_y(sr: Float, hr: Float, scale: int) -> float:
    """The published protocol: clamped and not rounded, luma, ``scale`` pixels cut from every border."""
    return psnr(_protocol_plane(sr, scale), _protocol_plane(hr, scale))


def ssim_y(sr: Float, hr: Float, scale: int) -> float:
    """SSIM by the same protocol; peak 1.0 of the [0, 1] range."""
    return ssim(_protocol_plane(sr, scale), _protocol_plane(hr, scale))


def _protocol_plane(picture: Float, scale: int) -> Float:
    plane = luma(picture.clip(0, 1))
    return plane[scale:-scale, scale:-scale]
