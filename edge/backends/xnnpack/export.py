"""Export to ExecuTorch with XNNPACK: one ``.pte`` with all methods of a form, for tiles of any size."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch.export import ExportedProgram

from edge.backends.undelegated import undelegated
from edge.backends.xnnpack.passes import quick_partitioner, quick_passes
from edge.backends.xnnpack.static_lowering import with_lowered_network
from edge.errors import ExportError

# What XNNPACK leaves to the portable runtime: pixel_shuffle's two views, which move no bytes, and the
# arithmetic on the dynamic sizes that they need.
UNDELEGATED = frozenset({"aten.view_copy.default", "aten.sym_size.int", "mul", "getitem"})


def lower_to_xnnpack(programs: Mapping[str, ExportedProgram]) -> bytes:
    """The ``.pte`` file of these methods, delegated to XNNPACK.

    Raises ExportError if an operator is left undelegated that is not in ``UNDELEGATED``.
    """
    return serialize(delegate(programs), programs, "XNNPACK", UNDELEGATED)


def serialize(lowered: Any, methods: Iterable[str], backend: str, explained: frozenset[str]) -> bytes:
    """The file of ``lowered`` programs, whose ``methods`` run in ``backend``.

    Raises ExportError if an operator is left undelegated that is not ``explained``.
    """
    from executorch.exir import ExecutorchBackendConfig
    from executorch.exir.passes import MemoryPlanningPass

    for name in methods:
        left = undelegated(lowered.exported_program(name), explained)
        if left:
            raise ExportError(
                f"method {name}: expected everything in {backend}, found {', '.join(left)} outside"
            )
    # Inputs stay where the caller has them: planned, they would be held at their largest size.
    config = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False))
    return bytes(lowered.to_executorch(config).buffer)


def delegate(programs: Mapping[str, ExportedProgram]) -> Any:
    """The programs with everything that XNNPACK takes in its delegates."""
    from executorch.exir import to_edge_transform_and_lower

    with quick_passes():
        called = {name: with_lowered_network(name, program) for name, program in programs.items()}
        return to_edge_transform_and_lower(
            called, partitioner={name: [quick_partitioner()] for name in called}
        )
