"""The ``.pte`` file of programs whose operators run in a back end, and which of them it has left out."""

from collections.abc import Iterable
from types import BuiltinFunctionType
from typing import Any

from torch.export import ExportedProgram

from edge.errors import ExportError


def undelegated(program: ExportedProgram, explained: frozenset[str]) -> list[str]:
    """Operators outside every delegate that are not ``explained``."""
    calls = {_name(node.target) for node in program.graph.nodes if node.op == "call_function"}
    return sorted(calls - explained - {"executorch_call_delegate"})


def _name(target: Any) -> str:
    """``aten.view_copy.default`` for an operator of either dialect, else the function's name."""
    from executorch.exir.dialects.edge._ops import EdgeOpOverload

    if isinstance(target, BuiltinFunctionType):
        return target.__name__
    return str(target._op) if isinstance(target, EdgeOpOverload) else str(target)


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
