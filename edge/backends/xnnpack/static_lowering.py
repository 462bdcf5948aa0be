"""Lowers a network at its largest size, for a program of any size.

XNNPACK keeps the largest shape of every tensor, and takes those of a call when it is called: symbols for
sizes, with which each of ExecuTorch's passes is several times as slow, are of no use to it. So the network
is lowered without them. What is exported with them is one call of the lowered network, and a pixel shuffle,
whose views do depend on the size.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import SymInt, Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from edge.backends.pte import undelegated
from edge.backends.xnnpack.passes import quick_partitioner
from edge.errors import ExportError

# A size: a number, or where it stands, as (which input, which axis).
Size = int | tuple[int, int]


def with_lowered_network(name: str, program: ExportedProgram) -> ExportedProgram:
    """``program``, of dynamic sizes, as one call of XNNPACK and, if it ended with one, a pixel shuffle.

    Raises ExportError, which ``name``s the method, if XNNPACK does not take all of the network, or if that
    has an operator that computes with its sizes.
    """
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
    from executorch.exir.lowered_backend_module import LoweredBackendModule
    from executorch.exir.sym_util import eval_shape_upper_bound

    inputs = program.graph_signature.user_inputs
    given = [node.meta["val"] for node in program.graph.nodes if node.name in inputs]
    body, made, factor = _without_pixel_shuffle(name, program)
    largest = tuple(torch.zeros(eval_shape_upper_bound(each.shape), dtype=each.dtype) for each in given)
    static = torch.export.export(body, largest)
    # Each pass would check every operator again; what comes out is all in XNNPACK, or refused below.
    unchecked = EdgeCompileConfig(_check_ir_validity=False)
    lowered = to_edge_transform_and_lower(
        static, partitioner=[quick_partitioner()], compile_config=unchecked
    ).exported_program()
    call = _only_call(name, lowered)
    delegate = getattr(lowered.graph_module, str(call.args[0].target))

    arguments = [_argument(lowered, node) for node in call.args[1:]]
    examples, _ = program.example_inputs
    varying = _dims(given, program)
    seen = torch.export.export(
        _StandIn(arguments, _sizes(name, made, given)),
        tuple(examples[each] if isinstance(each, int) else each for each in arguments),
        dynamic_shapes=(tuple(varying[each] if isinstance(each, int) else {} for each in arguments),),
    )
    network = LoweredBackendModule(
        seen,
        delegate.backend_id,
        delegate.processed_bytes,
        delegate.compile_specs,
        delegate.named_data_store_output,
    )
    return torch.export.export(_Program(network, arguments, factor), examples, dynamic_shapes=(varying,))


def _without_pixel_shuffle(name: str, program: ExportedProgram) -> tuple[GraphModule, Any, int | None]:
    """What ``program`` computes before a final pixel shuffle; a fake of its output; the shuffle's factor."""
    network = program.module(check_guards=False)
    assert isinstance(network, GraphModule)
    if any(node.target is torch.ops.aten.sym_size.int for node in network.graph.nodes):
        raise ExportError(f"method {name}: expected operators that do not compute with sizes, found sym_size")
    outputs: Any = network.graph.output_node().args[0]
    (last,) = outputs
    if last.target is not torch.ops.aten.pixel_shuffle.default:
        return network, last.meta["val"], None
    before, factor = last.args
    last.replace_all_uses_with(before)
    network.graph.erase_node(last)
    network.recompile()
    return network, before.meta["val"], factor


def _only_call(name: str, lowered: ExportedProgram) -> Any:
    """The call of a delegate that is all of ``lowered``."""
    from executorch.exir.delegate import executorch_call_delegate

    if outside := undelegated(lowered, frozenset({"getitem"})):
        raise ExportError(
            f"method {name}: expected everything in XNNPACK, found {', '.join(outside)} outside"
        )
    calls = [node for node in lowered.graph.nodes if node.target is executorch_call_delegate]
    if len(calls) != 1:
        raise ExportError(f"method {name}: expected one part in XNNPACK, found {len(calls)}")
    return calls[0]


def _argument(lowered: ExportedProgram, node: Any) -> Tensor | int:
    """The value of ``node``, an input of ``lowered``, or which of the user's it is."""
    signature = lowered.graph_signature
    if node.name in signature.user_inputs:
        return list(signature.user_inputs).index(node.name)
    constants = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    values: dict[str, Any] = {**lowered.constants, **lowered.state_dict}
    value = values[constants[node.name]]
    assert isinstance(value, Tensor)
    return value


def _dims(given: Sequence[Any], program: ExportedProgram) -> tuple[dict[int, Dim], ...]:
    """``torch.export``'s table of the axes of what is ``given`` that vary."""
    dims: dict[str, Dim] = {}
    for size in (size for each in given for size in each.shape if isinstance(size, SymInt)):
        limits = program.range_constraints[size.node.expr]
        dims.setdefault(str(size), Dim(str(size), min=int(limits.lower), max=int(limits.upper)))
    return tuple(
        {axis: dims[str(size)] for axis, size in enumerate(each.shape) if isinstance(size, SymInt)}
        for each in given
    )


def _sizes(name: str, made: Any, given: Sequence[Any]) -> list[Size]:
    """The shape of ``made``, whose symbols are sizes of what is ``given``."""
    places = {str(size): (i, axis) for i, each in enumerate(given) for axis, size in enumerate(each.shape)}
    try:
        return [places[str(size)] if isinstance(size, SymInt) else size for size in made.shape]
    except KeyError as error:
        raise ExportError(
            f"method {name}: expected sizes of its inputs in its output, found {error}"
        ) from error


class _StandIn(nn.Module):
    """What passes over the program see in place of the network: an output of these ``sizes``.

    ``arguments``: of its call, constants and which input stands there.
    """

    def __init__(self, arguments: Sequence[Tensor | int], sizes: Sequence[Size]) -> None:
        super().__init__()
        self.place = {each: place for place, each in enumerate(arguments) if isinstance(each, int)}
        self.sizes = sizes

    def forward(self, *called: Tensor) -> tuple[Tensor]:
        sizes = [
            size if isinstance(size, int) else called[self.place[size[0]]].shape[size[1]]
            for size in self.sizes
        ]
        return (called[self.place[0]].new_empty(sizes),)


class _Program(nn.Module):
    """One call of the lowered ``network`` with its ``arguments``, then a pixel shuffle if it has a factor."""

    def __init__(self, network: nn.Module, arguments: Sequence[Tensor | int], factor: int | None) -> None:
        super().__init__()
        self.network, self.factor = network, factor
        self.arguments: list[int | str] = []
        for place, each in enumerate(arguments):
            self.arguments.append(each if isinstance(each, int) else f"constant_{place}")
            if isinstance(each, Tensor):
                self.register_buffer(f"constant_{place}", each)

    def forward(self, *given: Tensor) -> Tensor:
        called = (given[each] if isinstance(each, int) else self.get_buffer(each) for each in self.arguments)
        made: Tensor
        (made,) = self.network(*called)
        return made if self.factor is None else F.pixel_shuffle(made, self.factor)
