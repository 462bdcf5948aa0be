"""Which operators a back end has left to the portable runtime."""

from types import BuiltinFunctionType
from typing import Any

from torch.export import ExportedProgram


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
