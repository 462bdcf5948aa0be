"""What a back end is: how it exports, loads and shows a program, and all that others must know of it."""

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


@dataclass(frozen=True)
class RuntimeOptions:
    """How Core ML runs, where it does. ``arithmetic``: the interpreter's, None for Core ML itself;
    ``compute_units``: what Core ML itself may use."""

    arithmetic: Literal["exact", "fp16"] | None = None
    compute_units: str = "all"


class Executable(Protocol):
    """A loaded program: named methods that take and give float32 arrays. ``about``: where, in words."""

    about: dict[str, str]

    def run(self, method: str, inputs: "Mapping[str, Float]") -> "Float":
        """The output of ``method`` for these named inputs."""
        ...


class LayeredProgram(Protocol):
    """A program's method, run layer by layer."""

    def run(self, inputs: "Mapping[str, Float]", take: "Callable[[LayerCall], None]") -> None:
        """Has ``take`` called for every call of a layer, in the program's order."""
        ...


@dataclass(frozen=True)
class Backend:
    """One way to export and run programs.

    ``precisions``: what it exports, ``default_precision`` if nobody says. ``one_size``: a program takes
    inputs of one size only. ``runtime``: the runtime in this process; ``native``: ``liif-runner`` runs it,
    too. ``can_time``: whether times mean something here, which those of an interpreter do not.

    ``export`` writes a program's methods into a folder and returns the file or package that holds each;
    palettes are those of the weights, by module path. ``load`` opens what it wrote. ``layers`` opens one
    method to look into, for inputs whose sides or rows are at most so large; None where no layer can be seen.
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
    """What an int8 output can be: multiples of ``size`` between two values, in the layer's own units."""

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class LayerCall:
    """What a program's layer was ``given`` and ``made`` of it, after a ReLU if ``relu``, in ``steps`` if it
    is in int8; ``weight``: in float, as the program holds it. Shapes as PyTorch has them.

    ``reads``: the steps of an int8 input that no other layer has made as it is; ``source``: what was rounded
    to it, where the program shows that.
    """

    weight: "Tensor"
    given: "Tensor"
    made: "Tensor"
    relu: bool = False
    steps: Steps | None = None
    reads: Steps | None = None
    source: "Tensor | None" = None
