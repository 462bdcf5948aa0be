"""A picture in memory, with all that its file says of it."""

from dataclasses import dataclass, replace

import numpy as np

from edge.images.metadata import NO_METADATA, Metadata
from edge.images.pixels import to_float
from models.arrays import Float


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright. ``rgb``: (3, H, W) float32 sRGB in [0, 1]; colours beyond sRGB lie outside.

    ``alpha``: (H, W) float32 in [0, 1], None where every pixel is opaque. ``icc_profile``: the RGB profile
    that the file is in, to be written in again; None is sRGB. ``grey``: three equal planes, written as one.
    ``bits``: 8 or 16 per sample. ``notes``: what could not be read of the file, a line each.
    """

    rgb: Float
    alpha: Float | None = None
    icc_profile: bytes | None = None
    grey: bool = False
    bits: int = 8
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.rgb.shape[1], self.rgb.shape[2]

    @property
    def planes(self) -> Float:
        """What a network enlarges: ``rgb`` clamped to [0, 1], with alpha (4, H, W) where there is one."""
        rgb = self.rgb.clip(0, 1) if self.is_wide else self.rgb
        return rgb if self.alpha is None else np.concatenate([rgb, self.alpha[None]])

    @property
    def is_wide(self) -> bool:
        """Whether it has colours that sRGB lacks."""
        return bool(self.rgb.min() < 0 or self.rgb.max() > 1)


def flatten(picture: Picture, background: tuple[int, int, int]) -> Picture:
    """``picture`` in front of ``background``, bytes of sRGB; as it is where nothing shows through."""
    if picture.alpha is None:
        return picture
    behind = to_float(np.array(background, np.uint8))[:, None, None]
    rgb = picture.rgb * picture.alpha + behind * (1 - picture.alpha)
    return replace(picture, rgb=rgb, alpha=None, grey=picture.grey and len(set(background)) == 1)
