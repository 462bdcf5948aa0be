"""Core ML itself, on macOS: the same interface as ``mil_interpreter`` has everywhere."""

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.backends.coreml.backend import COMPUTE_UNITS
from edge.errors import BadArtifact, MissingDependency


def import_coremltools() -> Any:
    """coremltools, its loggers lowered to errors: it warns of every neighbour's version when imported.

    Raises MissingDependency where it is not installed.
    """
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    try:
        import coremltools
    except ImportError as error:
        raise MissingDependency(
            f"Core ML needs coremltools, found {error}; pip install 'coremltools==9.*'"
        ) from error
    return coremltools


def accepted_shapes(description: Any) -> dict[str, list[tuple[int, ...]]]:
    """By input name the shapes that a model takes, its default one first; ``description``: its interface."""
    shapes = {}
    for feature in description.input:
        array = feature.type.multiArrayType
        default, others = tuple(array.shape), [tuple(s.shape) for s in array.enumeratedShapes.shapes]
        shapes[str(feature.name)] = [default, *(shape for shape in others if shape != default)]
    return shapes


def check_inputs(
    package: Path,
    inputs: Mapping[str, NDArray[np.float32]],
    accepted: Mapping[str, Sequence[tuple[int, ...]]],
) -> None:
    """Raises BadArtifact unless ``inputs`` are those ``accepted``, by name and shape, in float32."""
    fit = inputs.keys() == accepted.keys() and all(
        array.shape in accepted[name] and array.dtype == np.float32 for name, array in inputs.items()
    )
    if not fit:
        expected = [f"{name} {' or '.join(map(str, shapes))} float32" for name, shapes in accepted.items()]
        found = [f"{name} {array.shape} {array.dtype}" for name, array in inputs.items()]
        raise BadArtifact(
            f"{package}: expected inputs {', '.join(expected)}; found {', '.join(found) or 'none'}"
        )


class CoreMLProgram:
    """An ``.mlpackage`` compiled and run by Core ML.

    ``compute_units``: ``all``, ``cpu-only``, ``cpu-and-gpu`` or ``cpu-and-ne`` (Neural Engine);
    ``input_shapes``: name to default shape.
    Raises MissingDependency on any system but macOS, and BadArtifact for another ``compute_units`` or
    a package that Core ML refuses.
    """

    def __init__(self, package: Path, compute_units: str = "all") -> None:
        if compute_units not in COMPUTE_UNITS:
            raise BadArtifact(
                f"expected compute units of {', '.join(COMPUTE_UNITS)}, found {compute_units!r}"
            )
        if sys.platform != "darwin":
            raise MissingDependency(
                f"Core ML predicts on macOS only, found {sys.platform}; "
                "edge.backends.coreml.mil_interpreter.MILProgram runs the same package on any system"
            )
        self._package: Path = package
        ct = import_coremltools()
        units = ct.ComputeUnit[COMPUTE_UNITS[compute_units]]
        try:
            self._model: Any = ct.models.MLModel(str(package), compute_units=units)
        except Exception as error:  # Core ML's own errors have no common class
            raise BadArtifact(f"{package}: expected a package that Core ML loads, found {error}") from error
        self._accepted: dict[str, list[tuple[int, ...]]] = accepted_shapes(self._model.get_spec().description)
        self.input_shapes = {name: shapes[0] for name, shapes in self._accepted.items()}

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """``inputs`` by name, float32, of ``input_shapes`` or of another shape that the package lists;
        the outputs by name, float32.

        Raises BadArtifact for missing, unknown or misshapen inputs.
        """
        check_inputs(self._package, inputs, self._accepted)
        outputs = self._model.predict(dict(inputs))
        return {name: np.asarray(array, np.float32) for name, array in outputs.items()}
