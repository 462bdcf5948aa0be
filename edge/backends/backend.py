"""The interface of back ends: how each exports, loads and shows a program, and what it is able to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from edge.card import ArtifactCard, Precision

if TYPE_CHECKING:
    from torch import Tensor

    from models.arrays import Float
    from models.family import Program
    from quantize.palette import Palette

# The one file of an artifact whose methods share one.
PTE_FILE = "model.pte"

NO_EXECUTORCH = "expected ExecuTorch, found none: pip install 'executorch==1.5.*'"

# How the interpreter of Core ML's programs computes; see ``MILProgram``.
Arithmetic = Literal["exact", "fp16"]


@dataclass(frozen=True)
class RuntimeOptions:
    """How a Core ML program is run; other back ends ignore it.

    ``arithmetic``: the interpreter's, None for Core ML itself. ``compute_units``: the processors that Core ML
    itself may use.
    """

    arithmetic: Arithmetic | None = None
    compute_units: str = "all"


class Executable(Protocol):
    """A loaded program: named methods that take and return float32 arrays. ``about``: where it runs, in
    words."""

    about: dict[str, str]

    def run(self, method: str, inputs: "Mapping[str, Float]") -> "Float":
        """The output of ``method`` for these named inputs."""
        ...


class LayeredProgram(Protocol):
    """A program's method, run layer by layer."""

    def run(self, inputs: "Mapping[str, Float]", take: "Callable[[LayerCall], None]") -> None:
        """Run the program, and call ``take`` with every call of a layer, in the program's order."""
        ...


@dataclass(frozen=True)
class Backend:
    """One way to export and run programs.

    ``precisions``: those that it exports; ``default_precision``: the one that is built if none is asked for.
    ``one_size``: whether a program takes inputs of one size only. ``runtime``: the runtime in this process;
    ``native``: whether ``liif-runner`` runs its programs, too. ``can_time``: whether times on this machine
    say something of the program, which an interpreter's do not.

    ``export`` writes a program's methods into a folder and returns the file or package of each method; its
    palettes are those of the weights, by module path. ``load`` opens what ``export`` wrote. ``layers`` opens
    one method to look into, given the largest side, or number of rows, of its inputs; it is None where no
    layer can be seen.
    """

    name: str
    precisions: tuple[Precision, ...]
    default_precision: Precision
    one_size: bool
    runtime: Literal["executorch", "coreml"]
    native: bool
    can_time: Callable[[], bool]
    export: "Callable[[Program, Precision, Mapping[str, Palette], Path], dict[str, str]]"
    load: Callable[[Path, ArtifactCard, RuntimeOptions], Executable]
    layers: Callable[[Path, str, int], LayeredProgram] | None = None


@dataclass(frozen=True)
class Steps:
    """The values of an int8 tensor: multiples of ``size`` from ``low`` to ``high``, in its own units."""

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer in a program. All tensors have PyTorch's shapes.

    ``weight``: as the program holds it, in float. ``given``: the input; ``made``: the output, after a ReLU if
    ``relu``. ``steps``: the values that an int8 output can have, None in float. ``reads``: the same of an
    int8 input that is no other layer's output; ``source``: the values that were rounded to that input, where
    the program shows them.
    """

    weight: "Tensor"
    given: "Tensor"
    made: "Tensor"
    relu: bool = False
    steps: Steps | None = None
    reads: Steps | None = None
    source: "Tensor | None" = None
