"""Conversion of a PyTorch module to a Core ML package. Works on Linux; running one needs macOS, or
``edge.backends.coreml.mil_interpreter``.
"""

import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge.backends.coreml.runtime import import_coremltools
from edge.backends.coreml.weights import (
    COMPRESSIONS,
    deployment_target,
    palettize_weights,
    quantize_weights,
)
from edge.errors import BadInput
from quantize.palette import Palette

Shape = tuple[int, ...]

PRECISIONS = ("fp32", "fp16", "int8", *COMPRESSIONS)


def convert(
    module: nn.Module,
    inputs: Mapping[str, Shape | list[Shape]],
    output: str,
    precision: str,
    path: Path,
    palettes: Mapping[str, Palette] | None = None,
) -> None:
    """Write ``module`` as an ML program to ``path``, a new folder ``*.mlpackage``.

    ``inputs``: name and shape of each argument of ``forward``, in order. One of them may have several
    shapes, the default first: the program then takes each of these, and no other. Inputs and ``output``
    are float32 at the door in every precision:

    - ``fp32``: float32 weights and arithmetic;
    - ``fp16``: float16 weights and arithmetic;
    - ``int8``: a module with quantise-dequantise pairs (``edge.compress.int8``), as fp16 between them;
    - ``int8-weights``: as fp16, with the weights of convolutions and linear layers stored in int8;
    - ``palette6`` and the like: as fp16, with the weights of the layers in ``palettes``, by module path,
      which take few values (``quantize.palette``), stored as palettes of these and indices; those that the
      program does not have are passed over.

    For iOS 17 or later; palettes of channels or of 3 bits for iOS 18.

    Raises BadInput for another precision or name of ``path``, a taken ``path``, or several shapes for
    more than one input, and MissingDependency without coremltools.
    """
    if precision not in PRECISIONS:
        raise BadInput(f"expected a precision of {', '.join(PRECISIONS)}, found {precision!r}")
    if path.suffix != ".mlpackage" or path.exists():
        raise BadInput(f"expected a new path ending in .mlpackage, found {path}")
    shapes = {name: s if isinstance(s, list) else [s] for name, s in inputs.items()}
    several = [name for name, choices in shapes.items() if len(choices) > 1]
    if len(several) > 1:
        raise BadInput(f"expected several shapes for one input at most, found {', '.join(several)}")
    palettes = palettes or {}
    ct = import_coremltools()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # coremltools calls torch's old names
        program = _export(module, list(shapes.values()))
        # Strides, pads and the like, five to a convolution, stand once each and not once per use.
        passes = ct.PassPipeline()
        passes.set_options("common::const_deduplication", {"const_threshold": 1})
        model = ct.convert(
            program,
            pass_pipeline=passes,
            convert_to="mlprogram",
            minimum_deployment_target=deployment_target(ct, palettes.values()),
            compute_precision=ct.precision.FLOAT32 if precision == "fp32" else ct.precision.FLOAT16,
            # Without a dtype an fp16 program takes and returns float16.
            inputs=[
                ct.TensorType(
                    name, choices[0] if len(choices) == 1 else ct.EnumeratedShapes(choices), dtype=np.float32
                )
                for name, choices in shapes.items()
            ],
            outputs=[ct.TensorType(output, dtype=np.float32)],
            skip_model_load=True,
        )
        packages = [model.package_path]
        try:
            if precision in COMPRESSIONS:
                buffers = program.graph_signature.inputs_to_buffers
                if precision == "int8-weights":
                    model = quantize_weights(ct, model, buffers)
                else:
                    model = palettize_weights(ct, model, palettes, buffers)
                packages.append(model.package_path)
            # Not ``model.save``: it adds a file for ExecuTorch's debugger that Core ML does not know.
            shutil.copytree(model.package_path, path)
        finally:
            for package in packages:  # coremltools would keep them until the process ends
                shutil.rmtree(package)


def _export(module: nn.Module, shapes: Sequence[Sequence[Shape]]) -> torch.export.ExportedProgram:
    """``module`` as a graph; where an argument has several shapes, the axes that differ are dynamic."""
    dynamic = tuple(
        {
            axis: torch.export.Dim.DYNAMIC
            for axis, sizes in enumerate(zip(*choices, strict=True))
            if len(set(sizes)) > 1
        }
        for choices in shapes
    )
    example = tuple(torch.zeros(choices[0]) for choices in shapes)
    program = torch.export.export(module, example, dynamic_shapes=dynamic, strict=False)
    decomposed: torch.export.ExportedProgram = program.run_decompositions({})
    return decomposed
