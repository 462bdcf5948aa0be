"""Which colours a file's numbers mean: to sRGB and back, by ICC profile or by PNG's gAMA and cHRM.

The network learned from sRGB pictures, so it is shown sRGB whatever the file has. Colours outside sRGB's
gamut, as of a Display P3 photograph, become values below 0 or above 1 and come back as they were.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float

Doubles = NDArray[np.float64]

# Nodes of a curve; every 16-bit value is one.
_NODES = 65_536

# Pixels converted at a time: their temporaries stay in the processor's cache.
_PART = 65_536

# A profile that moves no colour by half a step of 8 bits is sRGB by another name: numbers stay as they are.
_SAME = 0.5 / 255

# x and y of white, red, green, blue (IEC 61966-2-1).
SRGB_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)

D50 = np.array([0.9642, 1.0, 0.8249])  # XYZ of ICC's white (ICC.1, 7.2.16)

# Bradford's cone response, by which whites are adapted (ICC.1, annex E).
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


class DamagedProfile(Exception):
    """The bytes are no ICC profile, or lack what their kind must have."""


@dataclass(frozen=True, eq=False)
class ColourSpace:
    """RGB by three curves and a matrix: linear light is ``curves`` of the numbers, XYZ ``to_xyz`` of that.

    ``to_xyz``: (3, 3), relative to D50. ``curves``: (3, 65536), from 0 to 1, never falling.
    """

    to_xyz: Doubles
    curves: Doubles

    def to_srgb(self, rgb: Float) -> Float:
        """(3, ...) in [0, 1] of this space as sRGB, not clamped."""
        curves, matrix = self.curves.astype(np.float32), np.linalg.inv(SRGB_TO_XYZ) @ self.to_xyz

        def convert(numbers: Float) -> Float:
            return encode_srgb(_mix(matrix, _look_up(curves, numbers)))

        return _in_parts(convert, rgb)

    def from_srgb(self, rgb: Float) -> Float:
        """sRGB (3, ...), not clamped, as numbers of this space in [0, 1]; what it lacks is clamped."""
        curves, matrix = self._inverse_curves, np.linalg.inv(self.to_xyz) @ SRGB_TO_XYZ

        def convert(numbers: Float) -> Float:
            return _look_up(curves, encode_srgb(_mix(matrix, decode_srgb(numbers))).clip(0, 1))

        return _in_parts(convert, rgb)

    @cached_property
    def _inverse_curves(self) -> Float:
        # At values of sRGB rather than of light: else few nodes were left for dark colours.
        nodes = decode_srgb(np.linspace(0, 1, _NODES, dtype=np.float32))
        inverse = np.stack([np.interp(nodes, curve, np.linspace(0, 1, _NODES)) for curve in self.curves])
        return inverse.astype(np.float32)

    @cached_property
    def is_srgb(self) -> bool:
        """Whether no colour moves by half a step of 8 bits."""
        cube = np.stack(np.meshgrid(*[np.linspace(0, 1, 9, dtype=np.float32)] * 3)).reshape(3, -1)
        ramp = np.broadcast_to(np.linspace(0, 1, 256, dtype=np.float32), (3, 256))
        colours = np.concatenate([cube, ramp], axis=1)
        return bool(abs(self.to_srgb(colours) - colours).max() < _SAME)


@dataclass(frozen=True, eq=False)
class GreyCurve:
    """Grey by one ``curve`` (65536,), from 0 to 1, never falling: linear light, or lightness if so."""

    curve: Doubles
    of_lightness: bool

    def to_srgb(self, grey: Float) -> Float:
        """``grey`` of any shape in [0, 1] as sRGB."""
        light = np.interp(grey, np.linspace(0, 1, _NODES), self.curve)
        if self.of_lightness:
            light = np.where(light > 0.08, ((100 * light + 16) / 116) ** 3, light * 100 / 903.3)
        return encode_srgb(light.astype(np.float32))


def encode_srgb(light: Float) -> Float:
    """Linear light to sRGB's numbers (IEC 61966-2-1); below 0, mirrored."""
    size = abs(light)
    power = np.float32(1.055) * size ** np.float32(1 / 2.4) - np.float32(0.055)
    numbers: Float = np.copysign(np.where(size <= 0.0031308, np.float32(12.92) * size, power), light)
    return numbers


def decode_srgb(rgb: Float) -> Float:
    """The inverse of ``encode_srgb``."""
    size = abs(rgb)
    power = ((size + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    light: Float = np.copysign(np.where(size <= 0.04045, size / np.float32(12.92), power), rgb)
    return light


def space_of_chromaticities(gamma: float | None, chromaticities: tuple[float, ...]) -> ColourSpace:
    """PNG's gAMA and cHRM: numbers are light to the power of ``gamma``, or by sRGB's curve where it is None;
    x and y of white, red, green and blue. Raises DamagedProfile for what can be no colours."""
    x, y = np.reshape(chromaticities, (4, 2)).T
    if (y <= 0).any() or not (gamma is None or 0 < gamma <= 10):
        raise DamagedProfile(f"gamma {gamma}, chromaticities {chromaticities}")
    xyz = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    white, primaries = xyz[:, 0], xyz[:, 1:]
    if abs(np.linalg.det(primaries)) < 1e-6:
        raise DamagedProfile(f"chromaticities {chromaticities} on one line")
    cones = (_BRADFORD @ D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    nodes = np.linspace(0, 1, _NODES)
    curve = decode_srgb(nodes.astype(np.float32)) if gamma is None else nodes ** (1 / gamma)
    return ColourSpace(adapted @ (primaries * np.linalg.solve(primaries, white)), np.stack([curve] * 3))


def space_of_profile(profile: bytes) -> ColourSpace | None:
    """An RGB profile of three curves and a matrix; None for one of tables. Raises DamagedProfile."""
    tags = _tags(profile)
    columns, curves = (b"rXYZ", b"gXYZ", b"bXYZ"), (b"rTRC", b"gTRC", b"bTRC")
    if b"A2B0" in tags or not tags.keys() >= {*columns, *curves}:
        return None
    try:
        to_xyz = np.array([_fixed(tags[name][8:20]) for name in columns]).T
        space = ColourSpace(to_xyz, np.stack([_curve(tags[name]) for name in curves]))
    except (struct.error, ValueError, IndexError) as error:
        raise DamagedProfile(str(error)) from error
    if abs(np.linalg.det(to_xyz)) < 1e-6:
        raise DamagedProfile("its primaries are on one line")
    return space


def curve_of_profile(profile: bytes) -> GreyCurve:
    """The curve of a grey profile. Raises DamagedProfile."""
    try:
        curve = _curve(_tags(profile)[b"kTRC"])
    except (KeyError, struct.error, ValueError, IndexError) as error:
        raise DamagedProfile(f"no curve of grey: {error}") from error
    return GreyCurve(curve, of_lightness=profile[20:24] == b"Lab ")  # the header's field "PCS"


def profile_space(profile: bytes) -> bytes:
    """The header's field "colour space of data": ``RGB ``, ``GRAY``, ``CMYK`` … Raises DamagedProfile."""
    _tags(profile)
    return profile[16:20]


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Contents by signature (ICC.1, 7.3)."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise DamagedProfile("it is no ICC profile")
    (count,) = struct.unpack(">I", profile[128:132])
    tags = {}
    for number in range(min(count, 1000)):
        entry = profile[132 + 12 * number : 144 + 12 * number]
        if len(entry) < 12:
            raise DamagedProfile("its table of contents is cut off")
        name, start, size = struct.unpack(">4sII", entry)
        if start + size > len(profile):
            raise DamagedProfile(f"its part {name.decode('latin-1')} is cut off")
        tags[name] = profile[start : start + size]
    return tags


def _fixed(data: bytes) -> list[float]:
    """s15Fixed16Numbers."""
    return [value / 65_536 for value in struct.unpack(f">{len(data) // 4}i", data)]


# The parameters g, a, b, c, d, e, f that a parametric curve of each type gives (ICC.1, 10.18).
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


def _curve(tag: bytes) -> Doubles:
    """A curveType or parametricCurveType at all nodes, kept from falling and within [0, 1]."""
    x = np.linspace(0, 1, _NODES)
    kind, (count,) = tag[:4], struct.unpack(">I", tag[8:12])
    if kind == b"curv":
        values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2").astype(np.float64)
        if len(values) != count:
            raise ValueError("a curve is cut off")
        if count == 0:
            y = x
        elif count == 1:
            y = x ** (values[0] / 256)
        else:
            y = np.interp(x, np.linspace(0, 1, count), values / 65_535)
    elif kind == b"para":
        y = _parametric(x, count >> 16, _fixed(tag[12 : 12 + 4 * _PARAMETERS.get(count >> 16, 0)]))
    else:
        raise ValueError(f"a curve of the kind {kind!r}")
    rising: Doubles = np.maximum.accumulate(y.clip(0, 1))
    return rising


def _parametric(x: Doubles, kind: int, values: list[float]) -> Doubles:
    if len(values) != _PARAMETERS.get(kind):
        raise ValueError(f"a parametric curve of type {kind} with {len(values)} parameters")
    g, a, b, c, d, e, f = values + [0.0] * (7 - len(values))
    if kind == 0:
        a = 1.0
    elif kind in (1, 2):
        c, d, e, f = 0.0, -b / a if a else 0.0, c, c
    power = np.maximum(a * x + b, 0) ** g + e
    return np.where(x >= d, power, c * x + f)


def _mix(matrix: Doubles, planes: Float) -> Float:
    mixed: Float = matrix.astype(np.float32) @ planes
    return mixed


def _look_up(curves: Float, planes: Float) -> Float:
    """Each plane (n,) in [0, 1] through its curve, straight between two nodes."""
    at = planes * np.float32(_NODES - 1)
    left = at.astype(np.int32)
    beyond = at - left
    pairs = zip(curves, left, strict=True)
    ends = np.stack([(curve.take(i), curve.take(np.minimum(i + 1, _NODES - 1))) for curve, i in pairs])
    between: Float = ends[:, 0] + beyond * (ends[:, 1] - ends[:, 0])
    return between


def _in_parts(convert: Callable[[Float], Float], rgb: Float) -> Float:
    """``convert`` of (3, n) over ``rgb`` (3, ...), a few pixels at a time: of a large picture, only the
    result is large."""
    flat = rgb.reshape(3, -1)
    out = np.empty(flat.shape, np.float32)
    for start in range(0, flat.shape[1], _PART):
        part = np.s_[:, start : start + _PART]
        out[part] = convert(flat[part])
    return out.reshape(rgb.shape)


SRGB_TO_XYZ = space_of_chromaticities(None, SRGB_CHROMATICITIES).to_xyz
