"""What a build asks of a network beside its programs: samples that calibrate, a card, and a check."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.card import ArtifactCard, Precision
from edge.recipe import Recipe, artifact_name
from models.arrays import Float
from models.family import Network, Program


@dataclass(frozen=True)
class Calibration:
    """Samples that ranges are chosen on, and weights rounded for. ``extremes``: what samples can hold at
    most, which ranges have to serve, too; ``added``: a user's, which may make ranges little worse
    for the others. ``kind``, ``source``: what they are and what they are from, in words."""

    samples: Sequence[Float]
    extremes: Sequence[Float]
    added: Sequence[Float]
    kind: str
    source: str

    @property
    def practice(self) -> list[Float]:
        """All that are like those of practice."""
        return [*self.samples, *self.added]

    def describe(self, samples: Sequence[Float]) -> str:
        """For cards: how many of what."""
        return f"{len(samples)} {self.kind} from {self.source}"


@dataclass(frozen=True)
class Measured:
    """An artifact against its network in fp32: what left its limits, in words, the ``card`` with what was
    found, and that in a ``summary`` of a few words; ``warnings``: what users should know of it."""

    failures: Sequence[str]
    card: ArtifactCard
    summary: str
    warnings: Sequence[str] = ()


class Task(Network, Protocol):
    """A network of some family, with all that it takes to build its artifacts."""

    def calibration(self, folder: Path | None) -> Calibration:
        """Built-in samples, and those in ``folder`` on top. Raises BadInput for a folder without any."""
        ...

    def card(self, base: ArtifactCard, variant: str, program: Program, recipe: Recipe) -> ArtifactCard:
        """``base`` with what an app needs to use ``program``, a ``variant`` in float, beside its methods."""
        ...

    def measure(self, folder: Path) -> Measured:
        """The artifact in ``folder``, run, against this network in fp32."""
        ...


@dataclass(frozen=True)
class Build:
    """One artifact to be made of ``network``: which variant, how precise, for which back end."""

    network: Task
    variant: str
    precision: Precision
    target: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """Name of the artifact's folder."""
        return artifact_name(self.network.family, self.variant, self.precision, self.target)
