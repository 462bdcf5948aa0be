"""Several sizes of a picture come of one encoding of each tile, and are what each is alone, to the bit."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from enlarging import upscaled

from edge.images.picture import Picture
from edge.run.artifact import Artifact
from edge.run.self_ensemble import SelfEnsemble
from edge.run.upscale import enlarged, render_picture, strips_of_tiles

TILING = {"tile": 24, "halo": 4}
SIZES = [(80, 140), (41, 70), (120, 215)]  # of 40x70 pixels, in 2x4 tiles


class Counting:
    """A program that counts the calls of its methods."""

    def __init__(self, program) -> None:
        self._program = program
        self.calls: Counter[str] = Counter()

    def run(self, method: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        self.calls[method] += 1
        return self._program.run(method, inputs)


def picture(channels: int, bits: int) -> Picture:
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 2**bits, (40, 70, channels)).astype(np.uint8 if bits == 8 else np.uint16)
    if channels in (2, 4):
        samples[:, :20, -1] = 0
        samples[:, 50:, -1] = 2**bits - 1
    kind = {"grey": channels < 3, "has_alpha": channels in (2, 4), "bits": bits}
    return Picture((40, 70), (samples[:17], samples[17:]), **kind)


def together(artifact: Artifact, of: Picture) -> list[np.ndarray]:
    targets = [enlarged(of, size) for size in SIZES]
    tiles = render_picture(artifact, of, targets, **TILING)
    return [np.concatenate(strips) for strips in zip(*strips_of_tiles(targets, tiles), strict=True)]


@pytest.mark.parametrize(("channels", "bits"), [(3, 8), (4, 16), (2, 8)])
def test_sizes_made_together_are_those_made_alone(tiny, channels, bits):
    artifact, of = Artifact.open(tiny.artifact("any", "int8")), picture(channels, bits)
    for size, made in zip(SIZES, together(artifact, of), strict=True):
        assert np.array_equal(made, upscaled(artifact, of, size, **TILING).samples)


def test_an_ensemble_makes_sizes_together_as_alone(tiny):
    artifact, of = SelfEnsemble.open(tiny.artifact("any", "int8")), picture(3, 8)
    for size, made in zip(SIZES, together(artifact, of), strict=True):
        assert np.array_equal(made, upscaled(artifact, of, size, **TILING).samples)


def test_a_tile_is_encoded_once_for_all_sizes(tiny):
    opened = Artifact.open(tiny.artifact("any", "int8"))
    program = Counting(opened._program)
    together(Artifact(opened.card, program), picture(3, 8))
    assert program.calls["encode"] == 2 * 4
    assert program.calls["decode"] >= len(SIZES) * 2 * 4


def test_alpha_is_encoded_once_for_all_sizes_where_it_varies(tiny):
    opened = Artifact.open(tiny.artifact("any", "int8"))
    of = picture(4, 8)
    alone, all_sizes = Counting(opened._program), Counting(opened._program)
    upscaled(Artifact(opened.card, alone), of, SIZES[0], **TILING)
    together(Artifact(opened.card, all_sizes), of)
    assert 2 * 4 < alone.calls["encode"] == all_sizes.calls["encode"]
