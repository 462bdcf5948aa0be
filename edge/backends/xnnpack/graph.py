"""XNNPACK's graph inside a ``.pte``: its layers with their weights, and the same graph with further outputs.

The graph is a flatbuffer (backends/xnnpack/serialization/schema.fbs in ExecuTorch), read here field by
field: a round trip through its JSON form would round every scale to six digits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import Float

IDENTIFIER = b"XN01"

# Tags of the unions of nodes and of values, and data types.
FULLY_CONNECTED, CONV, CONVERT, COPY = 2, 7, 18, 46
PLAIN_VALUE, QUANTISED_VALUE = 1, 2
FP32, QINT8, QCINT8 = 1, 3, 6
EXTERNAL_OUTPUT = 2

# Places of fields in their tables: of a layer's input, filter and output; of the graph's own.
LAYER_FIELDS = {FULLY_CONNECTED: (0, 1, 3), CONV: (15, 16, 18)}
VERSION, NODES, VALUES, N_EXTERNS, INPUT_IDS, OUTPUT_IDS, CONSTANT_DATA, N_FIELDS = 0, 1, 2, 3, 4, 5, 8, 9

ALIGNMENT = 16  # bytes


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: its number there, its type, its dimensions (upper bounds of those that vary)."""

    number: int
    datatype: int
    dims: tuple[int, ...]
    buffer: int  # of its constant data, 0 if it has none
    scale_buffer: int
    scale: float = 0.0  # of an int8 activation, else 0
    zero_point: int = 0


@dataclass(frozen=True)
class GraphLayer:
    """A convolution or linear layer. ``order``: as the traced network called it, whatever came between.

    ``relu``: whether a ReLU is part of it. ``weight``: (out, kh, kw, in) or (out, in), in float.
    """

    order: int
    relu: bool
    weight: Float
    given: Value
    made: Value


class Graph:
    """A graph and its constants. ``payload``: what the delegate holds; ``named``: the program's own data.

    Raises ValueError or LookupError for bytes that are none.
    """

    def __init__(self, payload: bytes, named: dict[str, bytes]) -> None:
        from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader

        header = XNNHeader.from_bytes(payload[: XNNHeader.EXPECTED_LENGTH])
        self._bytes = payload[header.flatbuffer_offset : header.flatbuffer_offset + header.flatbuffer_size]
        self._constants = payload[header.constant_data_offset :]
        self._named = named
        if self._bytes[4:8] != IDENTIFIER:
            raise ValueError(f"expected a graph {IDENTIFIER!r}, found {self._bytes[4:8]!r}")
        self._root = _Table(self._bytes, int.from_bytes(self._bytes[:4], "little"))
        self._values = {value.number: value for value in map(_read_value, self._root.tables(VALUES))}

    def layers(self) -> list[GraphLayer]:
        """All layers, as they stand in the graph."""
        layers = []
        for node in self._root.tables(NODES):
            kind = node.tag()
            if kind in LAYER_FIELDS:
                call = node.table(1)
                given, weight, made = (self._values[call.uint(place)] for place in LAYER_FIELDS[kind])
                # A ReLU is a range from zero, and a field that is absent is zero.
                relu = node.has(3) and not node.table(3).has(0)
                layers.append(GraphLayer(node.uint(2), relu, self._weight(weight), given, made))
        return layers

    def with_outputs(self, added: Sequence[Value]) -> bytes:
        """The payload of a graph that also returns the values ``added``, in float32.

        A flatbuffer refers forwards only, and its builder writes from the end: the graph is taken for
        written already, and new lists in front of it refer to its old tables. Not a byte of it changes.
        """
        import flatbuffers
        from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader

        old = _padded(self._bytes)
        builder = flatbuffers.Builder(2 * len(old))
        builder.head -= len(old)
        builder.Bytes[builder.head :] = old
        builder.minalign = ALIGNMENT

        root = self._root
        nodes, values = ([len(old) - t.position for t in root.tables(place)] for place in (NODES, VALUES))
        outputs, n_externs, number = root.uints(OUTPUT_IDS), root.uint(N_EXTERNS), 1 + max(self._values)
        for value in added:
            dims = _vector(builder, value.dims, builder.PrependUint32)
            builder.StartObject(7)
            builder.PrependInt16Slot(0, FP32, 0)
            builder.PrependUint32Slot(1, len(value.dims), 0)
            builder.PrependUOffsetTRelativeSlot(2, dims, 0)
            builder.PrependUint32Slot(4, n_externs, 0)
            builder.PrependUint32Slot(5, EXTERNAL_OUTPUT, 0)
            builder.PrependUint32Slot(6, number, 0)
            values.append(_variant(builder, PLAIN_VALUE, builder.EndObject()))
            builder.StartObject(3)
            builder.PrependUint32Slot(0, value.number, 0)
            builder.PrependUint32Slot(1, number, 0)
            kind = CONVERT if value.datatype == QINT8 else COPY
            nodes.append(_variant(builder, kind, builder.EndObject()))
            outputs.append(number)
            n_externs, number = n_externs + 1, number + 1

        lists = {
            NODES: _vector(builder, nodes, builder.PrependUOffsetTRelative),
            VALUES: _vector(builder, values, builder.PrependUOffsetTRelative),
            OUTPUT_IDS: _vector(builder, outputs, builder.PrependUint32),
        }
        builder.StartObject(N_FIELDS)
        builder.PrependUint32Slot(N_EXTERNS, n_externs, 0)
        for place, offset in lists.items():
            builder.PrependUOffsetTRelativeSlot(place, offset, 0)
        for place in (VERSION, INPUT_IDS, CONSTANT_DATA):
            if root.has(place):
                builder.PrependUOffsetTRelativeSlot(place, len(old) - root.target(place), 0)
        builder.Finish(builder.EndObject(), file_identifier=IDENTIFIER)
        graph = bytes(builder.Output())
        start = len(_padded(bytes(XNNHeader.EXPECTED_LENGTH)))
        header = XNNHeader(start, len(graph), start + len(graph), len(self._constants))
        return _padded(header.to_bytes()) + graph + self._constants

    def _weight(self, value: Value) -> Float:
        if value.datatype not in (FP32, QCINT8):
            raise ValueError(f"expected weights of data type {FP32} or {QCINT8}, found {value.datatype}")
        stored = np.frombuffer(
            self._constant(value.buffer), np.float32 if value.datatype == FP32 else np.int8
        )
        weight = stored[: int(np.prod(value.dims))].reshape(value.dims).astype(np.float32)
        if value.datatype == QCINT8:
            scale = np.frombuffer(self._constant(value.scale_buffer), np.float32)[: value.dims[0]]
            weight *= scale.reshape(-1, *[1] * (weight.ndim - 1))
        return weight

    def _constant(self, number: int) -> bytes:
        entry = self._root.tables(CONSTANT_DATA)[number]
        if entry.has(2):
            return self._named[entry.text(2)]
        start, size = (int(entry.number(place, "Uint64")) for place in (0, 1))
        return self._constants[start : start + size]


def plan_of(file: Any, method: str) -> Any:
    """The plan of ``method`` in a deserialised program. Raises StopIteration without one."""
    return next(plan for plan in file.program.execution_plan if plan.name == method)


def delegated_graphs(file: Any, plan: Any) -> Iterator[tuple[Any, Any, Graph]]:
    """Of a deserialised program's ``plan``, as it runs: every call of a delegate, the delegate, its graph.

    Raises ValueError or LookupError for delegates that hold none.
    """
    from executorch.exir.schema import DelegateCall

    data = file.named_data
    named = {k: bytes(data.buffers[e.buffer_index]) for k, e in data.pte_data.items()} if data else {}
    for call in (instruction.instr_args for chain in plan.chains for instruction in chain.instructions):
        if isinstance(call, DelegateCall):
            index = plan.delegates[call.delegate_index].processed.index
            delegate = file.program.backend_delegate_data[index]
            yield call, delegate, Graph(bytes(delegate.data), named)


def _read_value(table: "_Table") -> Value:
    quantised = table.tag() == QUANTISED_VALUE
    value = table.table(1).table(0) if quantised else table.table(1)
    datatype = int(value.number(0, "Int16"))
    number, dims, buffer = value.uint(6), tuple(value.uints(2)), value.uint(3)
    if datatype == QINT8:
        per_tensor = table.table(1).table(2)
        scale, zero_point = per_tensor.number(0, "Float32"), int(per_tensor.number(1, "Int32"))
        return Value(number, datatype, dims, buffer, 0, scale, zero_point)
    scales = table.table(1).table(2).uint(2) if datatype == QCINT8 else 0
    return Value(number, datatype, dims, buffer, scales)


def _vector(builder: Any, values: Sequence[int], prepend: Any) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())


def _variant(builder: Any, tag: int, offset: int) -> int:
    """A table whose first field is a union."""
    builder.StartObject(2)
    builder.PrependUint8Slot(0, tag, 0)
    builder.PrependUOffsetTRelativeSlot(1, offset, 0)
    return int(builder.EndObject())


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // ALIGNMENT) * ALIGNMENT, b"\0")


class _Table:
    """A flatbuffer's table, its fields by their places; absent ones are zero or empty."""

    def __init__(self, data: bytes, position: int) -> None:
        from flatbuffers.table import Table

        self._table, self.position = Table(data, position), position

    def has(self, place: int) -> bool:
        return bool(self._offset(place))

    def number(self, place: int, kind: str) -> float:
        from flatbuffers import number_types

        flags, offset = getattr(number_types, f"{kind}Flags"), self._offset(place)
        return self._table.Get(flags, self.position + offset) if offset else 0

    def uint(self, place: int) -> int:
        return int(self.number(place, "Uint32"))

    def tag(self) -> int:
        """Which table a union in the first field is; the table itself is the next field."""
        return int(self.number(0, "Uint8"))

    def text(self, place: int) -> str:
        return bytes(self._table.String(self.position + self._offset(place))).decode()

    def target(self, place: int) -> int:
        """Position of what the field refers to."""
        return int(self._table.Indirect(self.position + self._offset(place)))

    def table(self, place: int) -> "_Table":
        return _Table(self._table.Bytes, self.target(place))

    def uints(self, place: int) -> list[int]:
        start, count = self._vector(place)
        return [int(n) for n in np.frombuffer(self._table.Bytes, "<u4", count, start)]

    def tables(self, place: int) -> "list[_Table]":
        start, count = self._vector(place)
        positions = (int(self._table.Indirect(start + 4 * i)) for i in range(count))
        return [_Table(self._table.Bytes, position) for position in positions]

    def _vector(self, place: int) -> tuple[int, int]:
        offset = self._offset(place)
        return (self._table.Vector(offset), self._table.VectorLen(offset)) if offset else (0, 0)

    def _offset(self, place: int) -> int:
        return int(self._table.Offset(4 + 2 * place))
