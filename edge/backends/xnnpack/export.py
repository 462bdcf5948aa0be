"""Export to ExecuTorch with XNNPACK: one ``.pte`` with all methods of a form, for tiles of any size."""

from collections.abc import Mapping
from typing import Any

from torch.export import ExportedProgram

from edge.backends.pte import serialize
from edge.backends.xnnpack.passes import quick_partitioner, quick_passes
from edge.backends.xnnpack.static_lowering import with_lowered_network

# What XNNPACK leaves to the portable runtime: pixel_shuffle's two views, which move no bytes, and the
# arithmetic on the dynamic sizes that they need.
UNDELEGATED = frozenset({"aten.view_copy.default", "aten.sym_size.int", "mul", "getitem"})


def lower_to_xnnpack(programs: Mapping[str, ExportedProgram]) -> bytes:
    """The ``.pte`` file of these methods, delegated to XNNPACK.

    Raises ExportError if an operator is left undelegated that is not in ``UNDELEGATED``.
    """
    return serialize(delegate(programs), programs, "XNNPACK", UNDELEGATED)


def delegate(programs: Mapping[str, ExportedProgram]) -> Any:
    """The programs with everything that XNNPACK takes in its delegates."""
    from executorch.exir import to_edge_transform_and_lower

    with quick_passes():
        called = {name: with_lowered_network(name, program) for name, program in programs.items()}
        return to_edge_transform_and_lower(
            called, partitioner={name: [quick_partitioner()] for name in called}
        )
