"""A picture through an artifact at once, and an artifact that is exact: it repeats pixels."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from edge.card_reader import read_card
from edge.embedded import embedded_artifact
from edge.images.picture import Colour, Picture
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from edge.run.upscale import enlarged, filled, render_picture
from models import EMBEDDED


def upscaled(
    artifact: Artifact,
    picture: Picture,
    size: tuple[int, int] | None = None,
    *,
    background: Colour | None = None,
    bits: int | None = None,
    tile: int | None = None,
    halo: int | None = None,
) -> Picture:
    """``picture`` at ``size``, held in memory."""
    target = enlarged(picture, artifact.output_size(picture.size, size), background, bits)
    tiles = render_picture(artifact, picture, [target], background=background, tile=tile, halo=halo)
    return filled(target, list(tiles))


class Repeating:
    """A program of ×2 that makes four pixels of each."""

    about: ClassVar[dict[str, str]] = {"device": "NumPy"}

    def run(self, method: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return inputs["lr"].repeat(2, axis=2).repeat(2, axis=3)


def repeating_artifact() -> Artifact:
    """With the tiles of the embedded artifacts."""
    folder = embedded_artifact(EMBEDDED["fast"], ArtifactSpec(2, "int8-dynamic"))
    assert folder is not None
    return Artifact(read_card(folder), Repeating())


def doubled(picture: Picture, *, background: Colour | None = None, bits: int | None = None) -> Picture:
    """With every pixel four times."""
    return upscaled(repeating_artifact(), picture, background=background, bits=bits)
