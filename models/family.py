"""What ``edge`` asks of a network, whatever family it is of: its programs, and how int8 treats them.

A program's methods are modules with named inputs and one output. Back ends export them, and ``card.json``
repeats them for the app that loads the artifact.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from models.arrays import Float

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
    """One entry point of a program: ``module`` takes ``inputs`` in order and returns ``output``.

    ``limits``: the largest value of each dimension that varies; ``smallest``: the smallest value of all of
    them. ``clip_weight``: how much the squared error of a clipped activation counts, beside that of a rounded
    one, when int8 ranges are chosen.
    """

    name: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    output: TensorSpec
    limits: Mapping[str, int]
    smallest: int = 1
    clip_weight: float = 1.0

    @property
    def variable(self) -> tuple[str, ...]:
        """Names of the dimensions that vary, in order of appearance."""
        return tuple(dict.fromkeys(d for spec in self.inputs for d in spec.shape if isinstance(d, str)))

    def example(self, sizes: Mapping[str, int], seed: int = 0) -> tuple[Tensor, ...]:
        """Seeded inputs in [0, 1) of these sizes: for tracing, not for calibration."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.rand(spec.sized(sizes), generator=generator) for spec in self.inputs)

    def dynamic_shapes(self) -> dict[str, Any]:
        """``torch.export``'s table of the dimensions that vary: each from the smallest to its limit."""
        dims = {
            name: torch.export.Dim(name, min=self.smallest, max=self.limits[name]) for name in self.variable
        }
        return {
            spec.name: {axis: dims[dim] for axis, dim in enumerate(spec.shape) if isinstance(dim, str)}
            for spec in self.inputs
        }

    def trace(self) -> ExportedProgram:
        """The module as an exported program of dynamic size."""
        return torch.export.export(
            self.module, self.example(TRACE_SIZES), dynamic_shapes=self.dynamic_shapes()
        )


@dataclass(frozen=True)
class Program:
    """One variant of a network.

    ``probes``: methods that return intermediate outputs, which checks call and apps do not. ``sizes``: for
    back ends whose programs take one size only, the value of each dimension that varies ("h") and of its
    multiples in outputs ("2*h").
    """

    methods: tuple[Method, ...]
    probes: tuple[Method, ...]
    sizes: Mapping[str, int]

    @property
    def every(self) -> tuple[Method, ...]:
        """Methods and probes."""
        return (*self.methods, *self.probes)

    @property
    def layers(self) -> list[str]:
        """Module paths of the layers with weights that can be quantised or palettised."""
        modules = [named for method in self.methods for named in method.module.named_modules()]
        return list(dict.fromkeys(path for path, m in modules if isinstance(m, nn.Conv2d | nn.Linear)))

    def with_modules(self, modules: Mapping[str, nn.Module]) -> "Program":
        """The same methods; those that ``modules`` names get its modules."""

        def changed(methods: tuple[Method, ...]) -> tuple[Method, ...]:
            return tuple(replace(m, module=modules.get(m.name, m.module)) for m in methods)

        return replace(self, methods=changed(self.methods), probes=changed(self.probes))


@dataclass(frozen=True)
class Int8Rules:
    """How int8 treats the layers of a network, by module path.

    ``float_layers`` stay float, and so does every layer whose path ends in a name of ``float_names``, and
    every operator that the root module calls itself. ``dynamic_float_layers`` stay float as well under
    dynamic quantization. The outputs of ``min_max_layers`` are bounded, so their ranges hold all values and
    clip none. ``input_steps``: scale and zero point of inputs whose values are known beforehand.
    """

    float_layers: tuple[str, ...] = ()
    dynamic_float_layers: tuple[str, ...] = ()
    float_names: tuple[str, ...] = ()
    min_max_layers: tuple[str, ...] = ()
    input_steps: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    def kept(self, float_layers: Collection[str], dynamic: bool = False) -> set[str]:
        """Paths of the layers that stay float when ``float_layers`` are asked to."""
        return {*self.float_layers, *float_layers, *(self.dynamic_float_layers if dynamic else ())}

    def chosen(self, path: str, kept: Collection[str]) -> bool:
        """Whether the layer at ``path`` runs in int8 when those ``kept`` do not."""
        return path != "" and path not in kept and path.rpartition(".")[2] not in self.float_names


class Network(Protocol):
    """A network with its weights, as export and compression see it. A sample is one input of its practice, an
    array: a tile of a picture, say."""

    @property
    def family(self) -> str:
        """The first part of its artifacts' names."""
        ...

    @property
    def int8(self) -> Int8Rules:
        """How int8 treats its layers."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the configuration and the weights."""
        ...

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        ...

    def program(self, variant: str, tile: int, max_tile: int, probes: bool = False) -> Program:
        """``variant`` in float. ``tile``: side of the input of programs that take one size; ``max_tile``: the
        largest side that other programs take."""
        ...

    def int8_form(self, program: Program, kept: Collection[str]) -> Program:
        """``program`` rewritten so that int8 loses less; layers ``kept`` in float stay as they are."""
        ...

    def rare_samples(self) -> Sequence[Float]:
        """Samples that hardly ever come: int8 ranges hold them where that costs others next to nothing."""
        ...

    def inputs(
        self, program: Program, method: Method, samples: Sequence[Float]
    ) -> Iterator[tuple[Tensor, ...]]:
        """The inputs of each call of ``method`` of ``program`` when ``samples`` are processed."""
        ...
