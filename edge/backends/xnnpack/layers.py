"""Looks into a finished ``.pte``: runs it with what every layer reads and returns as further outputs.

XNNPACK runs a whole network as one call. ExecuTorch's own tracing (ETDump) sees the times of its operators
(``profile``), but the last output only. So the program is run as it is, but for nodes that copy the layers'
inputs and outputs out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge.backends.backend import LayerCall, Steps
from edge.backends.xnnpack.graph import ALIGNMENT, GraphLayer, Value, delegated_graphs, plan_of
from edge.backends.xnnpack.runtime import HostProgram
from edge.errors import BadArtifact
from models.arrays import Float


@dataclass(frozen=True)
class _Tap:
    layer: GraphLayer
    given: int  # which of the method's outputs
    made: int


class XnnpackLayers:
    """One method of a ``.pte``, run layer by layer. ``largest``: of the sides, or rows, of its inputs;
    memory grows with it.

    Raises BadArtifact for a program without the method, or one whose XNNPACK graph cannot be read.
    """

    def __init__(self, path: Path, method: str, largest: int) -> None:
        self._method, self._path = method, path
        try:
            program, self._taps = _tapped(path.read_bytes(), method, largest)
        except (AssertionError, LookupError, StopIteration, TypeError, ValueError) as error:
            raise BadArtifact(
                f"{path}: expected a program with a method {method} for XNNPACK, found {error!r}"
            ) from error
        self._own = HostProgram(path)
        with TemporaryDirectory() as folder:
            tapped = Path(folder) / path.name
            tapped.write_bytes(program)
            self._tapped = HostProgram(tapped)

    def run(self, inputs: Mapping[str, Float], take: Callable[[LayerCall], None]) -> None:
        """Has ``take`` called for every call of a layer, in the network's order.

        Raises BadArtifact if the program gave anything but what it gives when it is not looked into.
        """
        outputs = self._tapped.run_all(self._method, inputs)
        if not np.array_equal(outputs[0], self._own.run(self._method, inputs), equal_nan=True):
            raise BadArtifact(f"{self._path}: expected the same output with its layers seen, found another")
        made_here = {tap.made for tap in self._taps}
        for tap in self._taps:
            weight, given, made = (
                _channels_first(torch.from_numpy(array))
                for array in (tap.layer.weight, outputs[tap.given], outputs[tap.made])
            )
            reads = None if tap.given in made_here else _steps(tap.layer.given)
            take(LayerCall(weight, given, made, tap.layer.relu, _steps(tap.layer.made), reads))


def _steps(value: Value) -> Steps | None:
    """An int8 value's step, and the range that 8 bits leave it."""
    if not value.scale:
        return None
    low, high = ((bound - value.zero_point) * value.scale for bound in (-128, 127))
    return Steps(value.scale, low, high)


def _channels_first(value: Tensor) -> Tensor:
    return value.permute(0, 3, 1, 2) if value.ndim == 4 else value


def _tapped(pte: bytes, method: str, largest: int) -> tuple[bytes, list[_Tap]]:
    """The program with its ``method``'s layers as outputs, and which outputs they are."""
    from executorch.exir._serialize._program import deserialize_pte_binary, serialize_pte_binary

    file = deserialize_pte_binary(pte)
    plan = plan_of(file, method)
    taps = []
    for call, delegate, graph in delegated_graphs(file, plan):
        layers = graph.layers()
        seen = {value.number: value for layer in layers for value in (layer.given, layer.made)}
        places = {number: len(plan.outputs) + i for i, number in enumerate(seen)}
        taps += [_Tap(layer, places[layer.given.number], places[layer.made.number]) for layer in layers]
        if seen:
            delegate.data = graph.with_outputs(list(seen.values()))
        for value in seen.values():
            call.args.append(len(plan.values))
            plan.outputs.append(len(plan.values))
            plan.values.append(_planned(plan, value.dims, largest))
    taps.sort(key=lambda tap: tap.layer.order)
    return bytes(serialize_pte_binary(file, extract_delegate_segments=True)), taps


def _planned(plan: Any, dims: Sequence[int], largest: int) -> Any:
    """A float32 tensor of up to ``dims``, in memory of its own at the end of the plan's."""
    from executorch.exir.scalar_type import ScalarType
    from executorch.exir.schema import AllocationDetails, EValue, Tensor, TensorShapeDynamism

    sizes = [min(size, largest) for size in dims[:-1]] + [dims[-1]]
    offset = -(-plan.non_const_buffer_sizes[1] // ALIGNMENT) * ALIGNMENT
    plan.non_const_buffer_sizes[1] = offset + 4 * int(np.prod(sizes))
    return EValue(
        Tensor(
            scalar_type=ScalarType.FLOAT,
            storage_offset=0,
            sizes=sizes,
            dim_order=list(range(len(sizes))),
            requires_grad=False,
            layout=0,
            data_buffer_idx=0,
            allocation_info=AllocationDetails(
                memory_id=1, memory_offset_low=offset & 0xFFFFFFFF, memory_offset_high=offset >> 32
            ),
            shape_dynamism=TensorShapeDynamism.DYNAMIC_BOUND,
        )
    )
