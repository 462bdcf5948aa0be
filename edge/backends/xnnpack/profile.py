"""Where a ``.pte`` spends its time: every operator of XNNPACK's, by ExecuTorch's own tracing (ETDump)."""

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from edge.backends.xnnpack.graph import GraphLayer, delegated_graphs, plan_of
from edge.backends.xnnpack.runtime import runtime_binding
from edge.errors import BadArtifact
from models.arrays import Float

RUN = "Method::execute"  # ETDump's name of a whole run
LAYERS = ("Convolution", "Fully Connected")  # what the names of XNNPACK's operators for them begin with

WARM_UP = 2  # runs


@dataclass(frozen=True)
class Operator:
    """One operator of the program, in the order in which they run. ``kind``: XNNPACK's words for it;
    ``milliseconds``: median; ``multiplications``: of a layer, else 0."""

    kind: str
    milliseconds: float
    multiplications: int


@dataclass(frozen=True)
class Profile:
    """``milliseconds`` of a whole run, median, and its operators'. What operators do not account for is
    between them: the runtime's own work, and waiting for threads."""

    milliseconds: float
    operators: tuple[Operator, ...]


def profile_program(path: Path, method: str, inputs: Mapping[str, Float], repeats: int) -> Profile:
    """``repeats`` runs of ``method`` on ``inputs``, after two to warm up.

    Raises BadArtifact for a program that does not run, or cannot be traced.
    """
    arguments = [torch.from_numpy(np.ascontiguousarray(value)) for value in inputs.values()]
    try:
        module = runtime_binding()._load_for_executorch(str(path), enable_etdump=True)
        for _ in range(WARM_UP + repeats):
            module.run_method(method, arguments)
    except RuntimeError as error:
        raise BadArtifact(f"{path}: expected a program with a method {method}, found {error}") from error
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.etdp"
        module.write_etdump_result_to_file(str(trace))
        events = list(_read_events(trace))
    if not events:
        raise BadArtifact(f"{path}: expected a runtime that traces operators, found one without")
    largest = max(max(value.shape[-2:]) for value in inputs.values())
    counts = [_multiplications(layer, largest) for layer in _layers(path.read_bytes(), method)]
    names = [name for name, _ in events if name.startswith(LAYERS)]
    if len(names) != len(counts):
        raise BadArtifact(f"{path}: expected {len(counts)} layers to be traced, found {len(names)}")
    remaining = iter(counts)
    operators = tuple(
        Operator(re.sub(r" #\d+$", "", name), ms, next(remaining) if name.startswith(LAYERS) else 0)
        for name, ms in events
        if name != RUN
    )
    return Profile(sum(ms for name, ms in events if name == RUN), operators)


def by_kind(operators: Sequence[Operator]) -> list[tuple[Operator, int]]:
    """``operators`` of one kind as one, and how many they are; slowest first."""
    kinds: dict[str, list[Operator]] = {}
    for operator in operators:
        kinds.setdefault(operator.kind, []).append(operator)
    summed = [
        (
            Operator(kind, sum(each.milliseconds for each in of), sum(each.multiplications for each in of)),
            len(of),
        )
        for kind, of in kinds.items()
    ]
    return sorted(summed, key=lambda each: -each[0].milliseconds)


def _read_events(trace: Path) -> Iterator[tuple[str, float]]:
    """Names and median milliseconds of operators, in order, and of ``RUN``."""
    from executorch.devtools import Inspector

    for block in Inspector(etdump_path=str(trace)).event_blocks:
        for event in block.events:
            operator = event.delegate_debug_identifier is not None
            if event.perf_data is not None and (operator or event.name == RUN):
                yield event.name, statistics.median(event.perf_data.raw[WARM_UP:])


def _layers(pte: bytes, method: str) -> list[GraphLayer]:
    """Of all XNNPACK graphs of ``method``, in the order in which they run."""
    from executorch.exir._serialize._program import deserialize_pte_binary

    file = deserialize_pte_binary(pte)
    graphs = delegated_graphs(file, plan_of(file, method))
    return [layer for _, _, graph in graphs for layer in graph.layers()]


def _multiplications(layer: GraphLayer, largest: int) -> int:
    """Dimensions in a graph are upper bounds: those that vary are at most ``largest``."""
    return layer.weight.size * prod(min(size, largest) for size in layer.made.dims[:-1])
