"""The one interface of every place that runs an artifact: tiles in; tiles, times and memory out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from models.arrays import Float


@dataclass(frozen=True)
class DeviceRun:
    """What a device made of sets of inputs: one output, median and 95th percentile time for each.

    ``peak_mb``: the most memory that the process held (MB, 10^6 bytes), None where that says nothing.
    ``about``: the device in words, for a report's provenance.
    """

    outputs: "tuple[Float, ...]"
    median_ms: tuple[float, ...]
    p95_ms: tuple[float, ...]
    peak_mb: float | None
    about: dict[str, str]


class Device(Protocol):
    """A place where artifacts run."""

    @property
    def name(self) -> str:
        """What the command line calls it."""
        ...

    @property
    def needs(self) -> str:
        """In one line, what must be there."""
        ...

    def missing(self) -> str | None:
        """What of that is absent and how to get it; None if the device can be used."""
        ...

    def run(self, folder: Path, method: str, inputs: "Sequence[Mapping[str, Float]]") -> DeviceRun:
        """``method`` of the artifact in ``folder`` on each of ``inputs``, by the names that its card gives.

        Raises MissingDependency where something is absent, BadArtifact and BadInput for what the device
        cannot run, ExportError for a program that ends without an answer.
        """
        ...


class DevicePrograms:
    """An artifact's programs on a device: every call is a run of its own there."""

    def __init__(self, device: Device, folder: Path) -> None:
        self._device, self._folder = device, folder
        self.about = {"device": device.name}

    def run(self, method: str, inputs: "Mapping[str, Float]") -> "Float":
        """The device's output."""
        run = self._device.run(self._folder, method, [inputs])
        self.about = run.about
        return run.outputs[0]
