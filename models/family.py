"""A program's methods, each a module with named inputs and one output.

Back ends export these, and ``card.json`` repeats them for the app that loads the artifact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

# Sizes to trace with. Unequal, and unlike any width of the network: equal sizes would be taken for one.
TRACE_SIZES = {"h": 37, "w": 53, "n": 71}

# A dimension: a number, or the name of one that varies ("h"), or that times a number ("2*h").
Dim = int | str


@dataclass(frozen=True)
class TensorSpec:
    """A float32 tensor at the program's door; ``range``: the values it means, None if unbounded."""

    name: str
    shape: tuple[Dim, ...]
    range: tuple[float, float] | None = None

    def sized(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with its names replaced by numbers."""
        return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in self.shape)


@dataclass(frozen=True)
class Method:
    """One entry point of a program. ``module`` takes ``inputs`` in order and returns ``output``; ``limits``:
    the largest of each dimension that varies."""

    name: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    output: TensorSpec
    limits: Mapping[str, int]

    @property
    def variable(self) -> tuple[str, ...]:
        """Names of the dimensions that vary, in order of appearance."""
        return tuple(dict.fromkeys(d for spec in self.inputs for d in spec.shape if isinstance(d, str)))

    def example(self, sizes: Mapping[str, int], seed: int = 0) -> tuple[Tensor, ...]:
        """Seeded inputs in [0, 1) of these sizes: for tracing, not for calibration."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.rand(spec.sized(sizes), generator=generator) for spec in self.inputs)

    def dynamic_shapes(self) -> dict[str, Any]:
        """``torch.export``'s table of the dimensions that vary: each from 1 to its limit."""
        dims = {name: torch.export.Dim(name, min=1, max=self.limits[name]) for name in self.variable}
        return {
            spec.name: {axis: dims[dim] for axis, dim in enumerate(spec.shape) if isinstance(dim, str)}
            for spec in self.inputs
        }

    def trace(self) -> ExportedProgram:
        """The module as an exported program of dynamic size."""
        return torch.export.export(
            self.module, self.example(TRACE_SIZES), dynamic_shapes=self.dynamic_shapes()
        )
