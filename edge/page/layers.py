"""What the page lays over each other: the enlargement, bicubic, fp32, and maps of where they differ.

A layer is shown in squares of SQUARE pixels. At level k a pixel of a square stands for 2^k x 2^k of the
enlargement's, so that a large picture can be seen whole.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.check.report import heat_map
from edge.errors import BadInput
from edge.images.metrics import max_abs, psnr
from edge.images.pixels import bytes_of, to_float, to_uint8
from edge.run.tiling import Rect
from models.arrays import Float

SQUARE = 256  # pixels a side

# Levels at which fp32 is computed: more of the picture would take PyTorch minutes.
FP32_LEVELS = (0, 1)

# What the maps' brightest colour, or an added black or white, stands for, in steps of 1/255.
PEAKS = {"added": 32, "consistency": 16, "quantisation": 8}

# The colour of cells that the bigger network made.
BIGGER = np.array((245, 140, 30), np.uint8)

Pixels = NDArray[np.uint8]  # (H, W, 3), or (H, W, 4) with alpha


@dataclass(frozen=True, eq=False)
class Enlargement:
    """What layers are drawn of. ``planes``: of the enlargement (C, H, W), not clamped; ``bytes``: of its
    source (h, w, C); ``reduced_error``: (h, w), see ``edge.page.enlargement.measure``, None before its end;
    ``chosen``: what of the source the bigger network enlarged, (h, w), None without a router, too;
    ``fp32``: gives a region of the fp32 network's enlargement, (3, H', W')."""

    planes: Float
    bytes: Pixels
    reduced_error: Float | None
    chosen: NDArray[np.bool_] | None
    fp32: Callable[[Rect], Float]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.planes.shape[1], self.planes.shape[2]


@dataclass(frozen=True)
class Square:
    """The part of a layer at ``level``, ``row`` and ``column``, counted in squares."""

    level: int
    row: int
    column: int

    def region(self, size: tuple[int, int]) -> Rect | None:
        """Its pixels of an enlargement of ``size``; None where it lies outside."""
        side = SQUARE << self.level
        top, left = self.row * side, self.column * side
        if not (0 <= top < size[0] and 0 <= left < size[1]):
            return None
        return Rect(top, left, min(side, size[0] - top), min(side, size[1] - left))


def draw(layer: str, of: Enlargement, region: Rect, level: int) -> Pixels:
    """The pixels of ``region`` in a layer of LAYERS, reduced by 2^``level``."""
    return LAYERS[layer](of, region, level)


def png(pixels: Pixels) -> bytes:
    """The bytes of a PNG file, written fast rather than small: it stays on this machine."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def bicubic_region(source: Pixels, size: tuple[int, int], region: Rect, level: int = 0) -> Pixels:
    """``region`` of ``source`` enlarged to ``size`` by Pillow's bicubic, reduced by 2^``level``."""
    fy, fx = source.shape[0] / size[0], source.shape[1] / size[1]
    # The minimum: a product of a quotient may end a rounding beyond the picture, which Pillow refuses.
    bottom, right = min(region.rows[1] * fy, source.shape[0]), min(region.columns[1] * fx, source.shape[1])
    shown = (_shown(region.width, level), _shown(region.height, level))
    box = (region.left * fx, region.top * fy, right, bottom)
    return np.asarray(Image.fromarray(source).resize(shown, Image.Resampling.BICUBIC, box))


def compare_with_fp32(of: Enlargement, region: Rect) -> dict[str, float]:
    """The enlargement's ``region`` against fp32: PSNR in dB, the rest in steps of 1/255."""
    fp32 = of.fp32(region).clip(0, 1)
    found = of.planes[:3, slice(*region.rows), slice(*region.columns)].clip(0, 1)
    return {
        "psnr_db": psnr(found, fp32),
        "mean": 255 * float(abs(found - fp32).mean()),
        "largest": 255 * max_abs(found, fp32),
    }


def _enlarged(of: Enlargement, region: Rect, level: int) -> Pixels:
    # Where much is reduced, every second or fourth pixel tells as much as all.
    step = 1 << max(0, level - 2)
    part = of.planes[:, region.top : region.rows[1] : step, region.left : region.columns[1] : step]
    return _reduced(bytes_of(part), min(level, 2))


def _bicubic(of: Enlargement, region: Rect, level: int) -> Pixels:
    return bicubic_region(of.bytes, of.size, region, level)


def _fp32(of: Enlargement, region: Rect, level: int) -> Pixels:
    return _reduced(bytes_of(of.fp32(region)), level)


def _added(of: Enlargement, region: Rect, level: int) -> Pixels:
    """Enlargement less bicubic, on grey."""
    enlarged, bicubic = _enlarged(of, region, level), _bicubic(of, region, level)
    difference = to_float(enlarged[:, :, :3]) - to_float(bicubic[:, :, :3])
    return to_uint8(0.5 + difference * np.float32(0.5 * 255 / PEAKS["added"]))


def _consistency(of: Enlargement, region: Rect, level: int) -> Pixels:
    """The error of the reduced enlargement, each source pixel as large as it became."""
    if of.reduced_error is None:
        raise BadInput("expected a whole enlargement to reduce, found one that has not ended")
    return heat_map(_of_source(of.reduced_error, of, region, level), PEAKS["consistency"] / 255)


def _routing(of: Enlargement, region: Rect, level: int) -> Pixels:
    """The enlargement, orange where the bigger network made it and dark elsewhere."""
    if of.chosen is None:
        raise BadInput("expected a whole enlargement by an artifact with a router, found another one")
    chosen = _of_source(of.chosen, of, region, level)[:, :, None]
    half = _enlarged(of, region, level)[:, :, :3] // 2
    return np.where(chosen, half + BIGGER // 2, half)


def _of_source(values: NDArray[Any], of: Enlargement, region: Rect, level: int) -> NDArray[Any]:
    """``values`` of source pixels (h, w), each as large as its pixel became, in ``region``."""
    rows, columns = (
        ((first + (np.arange(_shown(n, level)) + 0.5) * 2**level) * n_in / n_out)
        .astype(int)
        .clip(0, n_in - 1)
        for first, n, n_in, n_out in (
            (region.top, region.height, of.bytes.shape[0], of.size[0]),
            (region.left, region.width, of.bytes.shape[1], of.size[1]),
        )
    )
    return values[np.ix_(rows, columns)]


def _quantisation(of: Enlargement, region: Rect, level: int) -> Pixels:
    """The largest difference of a pixel's colours from fp32."""
    found = of.planes[:3, slice(*region.rows), slice(*region.columns)]
    error = abs(found.clip(0, 1) - of.fp32(region).clip(0, 1)).max(axis=0)
    return _reduced(heat_map(error, PEAKS["quantisation"] / 255), level)


LAYERS: dict[str, Callable[[Enlargement, Rect, int], Pixels]] = {
    "enlarged": _enlarged,
    "bicubic": _bicubic,
    "fp32": _fp32,
    "added": _added,
    "consistency": _consistency,
    "quantisation": _quantisation,
    "routing": _routing,
}

OF_FP32 = ("fp32", "quantisation")


def _shown(n: int, level: int) -> int:
    """Pixels that ``n`` of the enlargement's become at ``level``."""
    return -(-n >> level)


def _reduced(pixels: Pixels, level: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).reduce(1 << level)) if level else pixels
