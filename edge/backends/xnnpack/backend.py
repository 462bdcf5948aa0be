"""ExecuTorch with XNNPACK: one ``.pte`` that holds every method, for inputs of any size up to a limit."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge.backends.backend import PTE_FILE, Backend, Executable, LayeredProgram, RuntimeOptions
from edge.card import ArtifactCard, Precision

if TYPE_CHECKING:
    from models.family import Program
    from quantize.palette import Palette


def export(
    program: "Program", precision: Precision, palettes: "Mapping[str, Palette]", folder: Path
) -> dict[str, str]:
    """See ``Backend``. Int8 layers are in the modules already."""
    from edge.backends.xnnpack.export import lower_to_xnnpack

    traced = {method.name: method.trace() for method in program.every}
    (folder / PTE_FILE).write_bytes(lower_to_xnnpack(traced))
    return dict.fromkeys(traced, PTE_FILE)


def load(folder: Path, card: ArtifactCard, options: RuntimeOptions) -> Executable:
    """See ``Backend``. ExecuTorch's Python runtime has no options."""
    from edge.backends.xnnpack.runtime import HostProgram

    return HostProgram(folder / card.methods[0].program)


def layers(path: Path, method: str, largest: int) -> LayeredProgram:
    """See ``Backend``."""
    from edge.backends.xnnpack.layers import XnnpackLayers

    return XnnpackLayers(path, method, largest)


XNNPACK = Backend(
    name="xnnpack",
    precisions=("fp32", "int8-dynamic", "int8"),
    default_precision="int8",
    one_size=False,
    runtime="executorch",
    native=True,
    can_time=lambda: True,
    export=export,
    load=load,
    layers=layers,
)
