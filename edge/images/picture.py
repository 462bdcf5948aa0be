"""A picture as its file has it: samples from top to bottom, and all else that the file says of it."""

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import ImageColor

from edge.errors import BadImage, BadInput
from edge.images.colour import ColourSpace, GreyCurve, space_of_profile
from edge.images.metadata import NO_METADATA, Metadata
from edge.images.pixels import Samples, grey_of, planes_of, to_float, to_uint8, to_uint16
from models.arrays import Float

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Animation:
    """How frames follow each other: ``durations`` of each in milliseconds, and how often all are played, 0
    for without an end."""

    durations: tuple[float, ...]
    loops: int


@dataclass(frozen=True)
class Picture:
    """An upright picture of ``size`` (height, width).

    ``strips``: its samples from top to bottom, (n, W, C) each, uint8 or uint16 by ``bits``. C is 1 if
    ``grey`` and else 3, and one more, alpha, if ``has_alpha``. Where a loop over them reads or computes them,
    the picture need not fit into memory; what is computed is good for one loop.
    ``space``: which colours its numbers mean; None for sRGB. ``icc_profile``: the RGB profile that the file
    is in and that is written in again; None for sRGB. ``notes``: what could not be read of the file, a line
    each. ``animation``: with it, the strips are those of all frames, one after the other, each as it is seen.
    """

    size: tuple[int, int]
    strips: Iterable[Samples] = ()
    grey: bool = False
    has_alpha: bool = False
    bits: int = 8
    space: ColourSpace | GreyCurve | None = None
    icc_profile: bytes | None = None
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()
    animation: Animation | None = None

    @property
    def n_frames(self) -> int:
        """1 without an animation."""
        return 1 if self.animation is None else len(self.animation.durations)

    @property
    def n_channels(self) -> int:
        """1 or 3, and one more with alpha."""
        return (1 if self.grey else 3) + self.has_alpha

    @property
    def n_bytes(self) -> int:
        """Of all samples."""
        return self.n_frames * math.prod(self.size) * self.n_channels * self.bits // 8

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """Of the samples."""
        return np.uint16 if self.bits == 16 else np.uint8

    @cached_property
    def samples(self) -> Samples:
        """All of them, (H, W, C); of frames, one below the other."""
        height, width = self.size
        samples, top = np.empty((self.n_frames * height, width, self.n_channels), self.dtype), 0
        for strip in self.strips:
            samples[top : top + len(strip)] = strip
            top += len(strip)
        return samples

    @property
    def rgb(self) -> Float:
        """(3, H, W) float32 sRGB in [0, 1]; colours beyond sRGB lie outside."""
        return self.to_planes(self.samples)[:3]

    @property
    def alpha(self) -> Float | None:
        """(H, W) float32 in [0, 1]; None where every pixel is opaque."""
        return to_float(self.samples[:, :, -1]) if self.has_alpha else None

    @property
    def planes(self) -> Float:
        """What a network enlarges: (3, H, W) in [0, 1], with alpha (4, H, W)."""
        return self.to_planes(self.samples).clip(0, 1)

    def to_planes(self, samples: Samples) -> Float:
        """Some of its samples (h, w, C) as sRGB (3, h, w), not clamped, with alpha (4, h, w)."""
        planes = planes_of(samples)
        colours, alpha = (planes[:-1], planes[-1:]) if self.has_alpha else (planes, planes[:0])
        rgb = np.repeat(colours, 3, axis=0) if self.grey else colours
        if self.space is not None:
            rgb = self.space.to_srgb(rgb)
        return np.concatenate([rgb, alpha]) if self.has_alpha else rgb

    def to_samples(self, planes: Float) -> Samples:
        """The inverse of ``to_planes``: clamped to [0, 1] and rounded; grey is the mean of the three colours.

        Raises BadImage for NaN.
        """
        rgb, alpha = planes[:3], planes[3:]
        if self.grey:
            rgb = grey_of(rgb)[None]
        elif isinstance(self.space, ColourSpace):
            if np.isnan(rgb).any():
                raise BadImage("expected pixels in numbers, found NaN")
            rgb = self.space.from_srgb(rgb)
        values = np.concatenate([rgb, alpha]) if self.has_alpha else rgb
        samples = to_uint16(values) if self.bits == 16 else to_uint8(values)
        return np.ascontiguousarray(samples.transpose(1, 2, 0))


def picture_of(
    rgb: Float,
    alpha: Float | None = None,
    icc_profile: bytes | None = None,
    grey: bool = False,
    bits: int = 8,
    metadata: Metadata = NO_METADATA,
) -> Picture:
    """The picture of planes of sRGB: ``rgb`` (3, H, W) and ``alpha`` (H, W), clamped to [0, 1] and rounded.

    Raises BadImage for NaN.
    """
    picture = Picture(
        (rgb.shape[1], rgb.shape[2]),
        grey=grey,
        has_alpha=alpha is not None,
        bits=bits,
        space=kept_space(icc_profile),
        icc_profile=icc_profile,
        metadata=metadata,
    )
    planes = rgb if alpha is None else np.concatenate([rgb, alpha[None]])
    return replace(picture, strips=(picture.to_samples(planes),))


def kept_space(icc_profile: bytes | None) -> ColourSpace | None:
    """What numbers in ``icc_profile`` mean, None where that is sRGB. Raises DamagedProfile."""
    space = None if icc_profile is None else space_of_profile(icc_profile)
    return None if space is None or space.is_srgb else space


def parse_colour(text: str) -> Colour:
    """``white`` or ``#ffffff`` to bytes of red, green and blue.

    Raises BadInput for what is no such colour, and for one with alpha: a background is opaque.
    """
    with suppress(ValueError):
        red, green, blue, *alpha = ImageColor.getrgb(text)
        if not alpha and max(red, green, blue) <= 255:  # Pillow takes rgb(300,0,0), too
            return red, green, blue
    raise BadInput(f"expected a colour like white or #ffffff, found {text!r}")


def flatten(planes: Float, background: Colour) -> Float:
    """Planes with alpha (4, h, w) in front of ``background``, bytes of sRGB: (3, h, w)."""
    behind = to_float(np.array(background, np.uint8))[:, None, None]
    rgb, alpha = planes[:3], planes[3]
    flat: Float = rgb * alpha + behind * (1 - alpha)
    return flat
