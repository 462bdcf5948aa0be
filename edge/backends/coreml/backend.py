"""Core ML: a package per method, or one ``.pte`` of which each method is a Core ML delegate."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge.backends.backend import PTE_FILE, Backend, Executable, LayeredProgram, RuntimeOptions
from edge.card import ArtifactCard, Precision

if TYPE_CHECKING:
    from models.family import Program
    from quantize.palette import Palette


# Our names of what may run a program, and Core ML's.
COMPUTE_UNITS = {
    "all": "ALL",
    "cpu-only": "CPU_ONLY",
    "cpu-and-gpu": "CPU_AND_GPU",
    "cpu-and-ne": "CPU_AND_NE",
}


def export_packages(
    program: "Program", precision: Precision, palettes: "Mapping[str, Palette]", folder: Path
) -> dict[str, str]:
    """See ``Backend``."""
    from edge.backends.coreml.export import convert

    files = {method.name: f"{method.name}.mlpackage" for method in program.every}
    for method in program.every:
        shapes = {tensor.name: tensor.sized(program.sizes) for tensor in method.inputs}
        convert(method.module, shapes, method.output.name, precision, folder / files[method.name], palettes)
    return files


def export_delegates(
    program: "Program", precision: Precision, palettes: "Mapping[str, Palette]", folder: Path
) -> dict[str, str]:
    """See ``Backend``."""
    import torch

    from edge.backends.coreml.delegate_export import lower_to_coreml

    traced = {m.name: torch.export.export(m.module, m.example(program.sizes)) for m in program.every}
    (folder / PTE_FILE).write_bytes(lower_to_coreml(traced, precision))
    return dict.fromkeys(traced, PTE_FILE)


def load_packages(folder: Path, card: ArtifactCard, options: RuntimeOptions) -> Executable:
    """See ``Backend``."""
    from edge.backends.coreml.programs import CoreMLPrograms

    return CoreMLPrograms(folder, card, options, delegates=False)


def load_delegates(folder: Path, card: ArtifactCard, options: RuntimeOptions) -> Executable:
    """See ``Backend``."""
    from edge.backends.coreml.programs import CoreMLPrograms

    return CoreMLPrograms(folder, card, options, delegates=True)


def layers(path: Path, method: str, largest: int) -> LayeredProgram:
    """See ``Backend``."""
    from edge.backends.coreml.layers import MILLayers

    return MILLayers(path)


def _on_macos() -> bool:
    return sys.platform == "darwin"


COREML = Backend(
    name="coreml",
    precisions=("fp32", "fp16", "int8", "int8-weights", "palette6", "palette4", "palette-mixed"),
    default_precision="fp16",
    one_size=True,
    runtime="coreml",
    native=False,
    can_time=_on_macos,
    export=export_packages,
    load=load_packages,
    layers=layers,
)

COREML_PTE = Backend(
    name="coreml-pte",
    precisions=("fp32", "fp16", "int8"),
    default_precision="fp16",
    one_size=True,
    runtime="coreml",
    native=False,
    can_time=_on_macos,
    export=export_delegates,
    load=load_delegates,
)
