"""Static post-training quantisation of any module by PT2E: annotate, observe real inputs, convert, refine."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from quantize.graph import LAYERS, module_path
from quantize.ranges import Histogram, always, least_error_scales
from quantize.rounding import refine
from quantize.spec import PLAIN, RangeMethod, StaticSpec

# Where values come from: what always calibrates, what a user adds, the edge of what can come, and what hardly
# ever comes.
Source = Literal["pictures", "added", "extremes", "rare"]
SOURCES: tuple[Source, ...] = get_args(Source)

# Inputs that refine the weights, evenly of all: they run side by side, so their number is memory.
MAX_REFINING_INPUTS = 16


@dataclass(frozen=True)
class Calibrated:
    """A graph with PT2E's observers in it, their ranges chosen; the float weight of each layer's call, by
    the call's name; and some of the inputs that calibrated it."""

    graph: GraphModule
    weights: dict[str, Tensor]
    inputs: list[tuple[Tensor, ...]]


@dataclass(frozen=True)
class CalibrationInputs:
    """Inputs of a module, one tuple per call. ``practice``: like those of practice, which weights are rounded
    for; ``extremes``: at the edge of what can come, which ranges have to serve, too, by ``EXTREME_SHARE``;
    ``rare``: what hardly ever comes, by ``RARE_SHARE``; ``added``: further ones, which count as much as those
    of practice for ranges, but may make these worse for the others by ``ADDED_ERROR`` only."""

    practice: Iterable[tuple[Tensor, ...]]
    extremes: Iterable[tuple[Tensor, ...]] = ()
    added: Iterable[tuple[Tensor, ...]] = ()
    rare: Iterable[tuple[Tensor, ...]] = ()


def quantize_static(ready: Calibrated, spec: StaticSpec = PLAIN) -> nn.Module:
    """The module that was calibrated, with quantise-dequantise pairs where the quantizer put them; its
    observers are used up.

    The result runs in PyTorch (that is the fake-quantised graph to compare a program with) and exports like
    any module.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    converted = convert_pt2e(ready.graph)
    gptq = spec.rounding == "gptq"
    if gptq or spec.bias_correction:
        refine(converted, ready.weights, ready.inputs, gptq=gptq, bias_correction=spec.bias_correction)
    result: nn.Module = converted
    return result


def calibrate(
    module: nn.Module,
    example: tuple[Tensor, ...],
    dynamic_shapes: dict[str, Any],
    given: CalibrationInputs,
    quantizer: Any,
    spec: StaticSpec = PLAIN,
    min_max_layers: Collection[str] = (),
    clip_weight: float = 1.0,
) -> Calibrated:
    """Observe ``module`` on what it is ``given``, where ``quantizer`` (a PT2E ``Quantizer``) says.

    The ranges found become the quantization parameters; those of ``min_max_layers``, by module path, go from
    the smallest to the largest value. Of the others the error counts by ``clip_weight``, see
    ``Histogram.error``. The quantizer's observers must be PT2E's min-max ones, which ``spec`` then overrules.
    Raises ValueError without inputs of practice, NonFinite if they give NaN or infinity.
    """
    from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

    graph = torch.export.export(module, example, dynamic_shapes=dynamic_shapes).module()
    prepared = prepare_pt2e(graph, quantizer)
    ranges = ActivationRanges(prepared, min_max_layers)
    kept = _EvenSample(MAX_REFINING_INPUTS)
    sources: dict[Source, Iterable[tuple[Tensor, ...]]] = {
        "pictures": given.practice,
        "added": given.added,
        "extremes": given.extremes,
        "rare": given.rare,
    }
    with torch.no_grad():
        for source, calls in sources.items():
            with ranges.source(source):
                for inputs in calls:
                    prepared(*inputs)
                    if source == "pictures":  # an unusual folder would spoil weights as it would ranges
                        kept.add(inputs)
    if not kept.seen:
        raise ValueError("expected at least one calibration input, found none")
    ranges.set(spec.activations, clip_weight)
    if spec.weights == "mse":
        _choose_weight_scales(prepared)
    return Calibrated(prepared, _float_weights(prepared), kept.items)


class _EvenSample:
    """At most ``limit`` of the items that pass by, evenly over all of them."""

    def __init__(self, limit: int) -> None:
        self.limit, self.every, self.seen = limit, 1, 0
        self.items: list[tuple[Tensor, ...]] = []

    def add(self, item: tuple[Tensor, ...]) -> None:
        if self.seen % self.every == 0:
            if len(self.items) == self.limit:
                self.items = self.items[::2]
                self.every *= 2
            if self.seen % self.every == 0:
                self.items.append(item)
        self.seen += 1


def _observed(prepared: GraphModule) -> list[tuple[Node, Any]]:
    """(what is observed, its observer) for every observer that keeps a smallest and a largest value; a fake
    quantiser has one inside."""
    pairs = [(node, getattr(prepared, str(node.target), None)) for node in prepared.graph.nodes]
    observers = [(node, getattr(module, "activation_post_process", module)) for node, module in pairs]
    return [(node.args[0], observer) for node, observer in observers if hasattr(observer, "min_val")]


class ActivationRanges:
    """What the observers of ``prepared``'s activations see, of each ``Source`` apart; constants keep all of
    it. Outputs of ``min_max_layers``, by module path, get ranges that hold all values but the rare ones,
    which would make every step coarser."""

    def __init__(self, prepared: GraphModule, min_max_layers: Collection[str]) -> None:
        self._seen: dict[Any, dict[Source, Histogram]] = {}
        self._whole: set[Any] = set()
        self._source: Source = "pictures"
        for node, observer in _observed(prepared):
            if node.op != "get_attr":
                if module_path(node) in min_max_layers:
                    self._whole.add(observer)
                self._seen[observer] = seen = {source: Histogram() for source in SOURCES}
                observer.register_forward_hook(
                    lambda _module, inputs, _output, seen=seen: seen[self._source].add(inputs[0])
                )

    @contextmanager
    def source(self, source: Source) -> Iterator[None]:
        """Within it, what is seen counts as from ``source``."""
        self._source = source
        try:
            yield
        finally:
            self._source = "pictures"

    def clear(self) -> None:
        """Forget all values."""
        for histogram in chain.from_iterable(seen.values() for seen in self._seen.values()):
            histogram.clear()

    def set(self, method: RangeMethod, clip_weight: float = 1.0) -> None:
        """Give every observer its range by ``method``; ``clip_weight``: see ``Histogram.error``."""
        for observer, seen in self._seen.items():
            whole = observer in self._whole
            kept = always(seen["pictures"], seen["extremes"], None if whole else seen["rare"])
            if whole:
                low, high = kept.mixed(seen["added"], 1.0).range("min-max")
            elif seen["added"].counts.any():
                low, high = kept.mixed(seen["added"], 1.0).range(method, clip_weight, kept=kept)
            else:
                low, high = kept.range(method, clip_weight)
            observer.min_val.fill_(low)
            observer.max_val.fill_(high)


def _choose_weight_scales(prepared: GraphModule) -> None:
    for node, observer in _observed(prepared):
        if node.op == "get_attr" and observer.min_val.ndim:  # per channel
            weight = prepared.get_parameter(str(node.target)).detach().flatten(1)
            largest = least_error_scales(weight, observer.quant_max) * observer.quant_max
            observer.min_val.copy_(-largest)
            observer.max_val.copy_(largest)


def _float_weights(prepared: GraphModule) -> dict[str, Tensor]:
    """The weight of every observed layer's call, by the call's name."""
    weights = {}
    for node in prepared.graph.nodes:
        observer = node.args[1] if node.target in LAYERS else None
        if isinstance(observer, Node) and observer.op == "call_module":
            (weight,) = observer.args
            assert isinstance(weight, Node)
            weights[node.name] = prepared.get_parameter(str(weight.target)).detach().clone()
    return weights
