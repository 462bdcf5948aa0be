"""How far two pictures are apart. All take float arrays of equal shape and say their peak and unit."""

import math

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

# Luma weights of ITU-R BT.601 for RGB in [0, 1], as the published protocol has them.
LUMA = np.array([65.738, 129.057, 25.064]) / 256

# SSIM's Gaussian window as Wang et al. 2004 define it; scikit-image needs the cut-off to match 11 taps.
SSIM_SIGMA = 1.5
SSIM_WINDOW = 11


def psnr(a: Float, b: Float, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures, NaN if either has a NaN."""
    mse = float(np.mean((a.astype(np.float64) - b) ** 2))
    return math.inf if mse == 0 else 10 * math.log10(peak**2 / mse)


def max_abs(a: Float, b: Float) -> float:
    """Largest absolute difference of any value; NaN if either has a NaN."""
    return float(np.max(np.abs(a - b)))


def ssim(a: Float, b: Float, peak: float = 1.0) -> float:
    """Structural similarity (Wang et al. 2004) of (3, H, W) pictures or (H, W) planes, at most 1.

    Raises ValueError for sides under 11 pixels, the size of its window.
    """
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            a,
            b,
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


def psnr_y(sr: Float, hr: Float, scale: int) -> float:
    """The published protocol: clamped and not rounded, luma, ``scale`` pixels cut from every border."""
    return psnr(_protocol_plane(sr, scale), _protocol_plane(hr, scale))


def ssim_y(sr: Float, hr: Float, scale: int) -> float:
    """SSIM by the same protocol; peak 1.0 of the [0, 1] range."""
    return ssim(_protocol_plane(sr, scale), _protocol_plane(hr, scale))


def _protocol_plane(picture: Float, scale: int) -> Float:
    plane = luma(picture.clip(0, 1))
    return plane[scale:-scale, scale:-scale]
