"""Which operators of a network run in int8 under XNNPACK, and with which ranges.

ExecuTorch's own ``XNNPACKQuantizer`` annotates weights that a loop uses again in the loop's first round
only: the other rounds stay float, silently. This one annotates every chosen convolution and linear
layer wherever it is called, and nothing else: adds, blending and shape operators stay float, since
quantised blends and shape operators load and lie, or do not load.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from quantize.graph import LAYERS, module_path
from quantize.ranges import coarser

ANNOTATION = "quantization_annotation"  # the key that PT2E reads

# Below the smallest scale that a real activation has; keeps an all-zero tensor from dividing by zero.
SMALLEST_SCALE = 2.0**-20

# Significant bits of the scale of what is added up in float: copies, residuals, colours. The blended sum of
# four queries of four copies is then exact, whatever order a kernel adds in. Of float32's 24 bits 10 are
# for the sum of copies, 6 for the blend's weights at ×4, 1 for scales on either side of a power of two. It
# makes steps coarser by 1/64 at most.
SUMMED_SCALE_BITS = 7


class Annotator:
    """What quantizers of PT2E have in common here: they mark the layers whose module path ``chosen`` accepts,
    wherever those are called. ``annotated`` counts the calls."""

    def __init__(self, chosen: Callable[[str], bool]) -> None:
        self.chosen, self.annotated = chosen, 0

    def transform_for_annotation(self, model: GraphModule) -> GraphModule:
        """PT2E calls it before ``annotate``."""
        return model

    def annotate(self, model: GraphModule) -> GraphModule:
        """Mark the chosen layers for PT2E."""
        for node in model.graph.nodes:
            if self._is_chosen(node):
                self._mark(node)
                self.annotated += 1
        return model

    def _is_chosen(self, value: Any) -> bool:
        return _is_layer(value) and self.chosen(module_path(value))

    def _mark(self, layer: Node) -> None:
        raise NotImplementedError

    def validate(self, model: GraphModule) -> None:
        """PT2E calls it; the annotations are of one kind, which XNNPACK runs."""

    def prepare_obs_or_fq_callback(self, model: GraphModule, observers: dict[Any, Any]) -> None:
        """PT2E calls it; the observers stay as they are."""


class LayerQuantizer(Annotator):
    """W8A8 with ranges from calibration.

    Int8 per-channel weights, int8 inputs and outputs (after a ReLU that follows), ranges from the
    smallest to the largest value seen. Without a ReLU, float sums follow: such an output's scale is rounded
    up to ``SUMMED_SCALE_BITS``. ``inputs``: (scale, zero point) of the input of the layer at a path, where it
    is known beforehand. ``copies`` names the biases that were doubled and what each is a copy of.
    ``trainable``: with fake quantisers, which round while they observe, for quantisation-aware training.
    """

    def __init__(
        self,
        chosen: Callable[[str], bool],
        inputs: Mapping[str, tuple[float, int]] | None = None,
        trainable: bool = False,
    ) -> None:
        super().__init__(chosen)
        self.inputs = inputs or {}
        self.copies: dict[str, str] = {}
        self._activation, self._weight = _specs(trainable)
        self._summed = _summed(trainable)

    def transform_for_annotation(self, model: GraphModule) -> GraphModule:
        """Give every call of a layer a bias of its own, and float operators after int8 layers a float input.

        XNNPACK's serialiser stores a bias once, in the scale of the first call's input. A call whose input
        has another range would add it in the wrong scale: such a program loads and computes nonsense.
        """
        seen: set[Node] = set()
        for node in list(model.graph.nodes):
            bias = node.args[2] if node.target in LAYERS and len(node.args) > 2 else None
            if bias is None:
                continue
            if bias in seen:
                name = f"{bias.target}_of_{node.name}".replace(".", "_")
                own = model.get_parameter(bias.target).detach().clone()
                model.register_parameter(name, nn.Parameter(own))
                self.copies[name] = bias.target
                with model.graph.inserting_before(node):
                    copy = model.graph.get_attr(name)
                copy.meta = dict(bias.meta)
                node.update_arg(2, copy)
            seen.add(bias)
        for node in list(model.graph.nodes):
            addition = node.target is torch.ops.aten.add.Tensor
            between = addition and self._is_chosen(node.args[0]) and _is_layer(node.args[1])
            after = node.target in LAYERS and not self._is_chosen(node) and self._is_from_int8(node.args[0])
            if between or after:
                _make_first_float(model, node)
        model.recompile()
        return model

    def _is_from_int8(self, value: Any) -> bool:
        is_relu = isinstance(value, Node) and value.target is torch.ops.aten.relu.default
        return self._is_chosen(value.args[0] if is_relu else value)

    def _mark(self, layer: Node) -> None:
        known = self.inputs.get(module_path(layer))
        given = self._activation if known is None else _known(*known)
        _annotate_layer(layer, given, self._weight, self._activation, self._summed)
        for addition in _constant_additions(layer):
            _annotate_addition(addition, self._activation)


class DynamicLayerQuantizer(Annotator):
    """Int8 weights, and inputs rounded by the range that each has when the program runs.

    What the layers give stays float, and so do their biases: nothing of what ``LayerQuantizer`` does to a
    graph beforehand is needed.
    """

    def __init__(self, chosen: Callable[[str], bool]) -> None:
        super().__init__(chosen)
        self._activation, self._weight = _at_run_time(), _specs(trainable=False)[1]

    def _mark(self, layer: Node) -> None:
        from torchao.quantization.pt2e.quantizer import QuantizationAnnotation

        layer.meta[ANNOTATION] = QuantizationAnnotation(
            input_qspec_map={layer.args[0]: self._activation, layer.args[1]: self._weight}, _annotated=True
        )


def _is_layer(value: Any) -> bool:
    return isinstance(value, Node) and value.target in LAYERS


def _make_first_float(model: GraphModule, node: Node) -> None:
    """A product with one before ``node``'s first input.

    XNNPACK's partitioner mistakes a float add of two dequantized tensors for a quantized add, skips it, and
    then fails with dependency cycles. A multiplication by 1.0 in between prevents that. A float 3x3
    convolution straight after an int8 layer loads and does not run; nor does the sum of an int8 layer's
    output and a float one's. The one has as many dimensions as the tensor: before a product with a plain
    number XNNPACK would transpose that.
    """
    first: Any = node.args[0]
    n_dims = first.meta["val"].ndim
    name = f"one_of_{n_dims}_dimensions"
    if not hasattr(model, name):
        model.register_buffer(name, torch.ones([1] * n_dims))
    with model.graph.inserting_before(node):
        one = model.graph.get_attr(name)
        product = model.graph.call_function(torch.ops.aten.mul.Tensor, (first, one))
    product.meta = {key: value for key, value in first.meta.items() if key != ANNOTATION}
    node.update_arg(0, product)


def _specs(trainable: bool) -> tuple[Any, Any]:
    """PT2E's specifications of an int8 activation and an int8 weight."""
    from torchao.quantization.pt2e import FakeQuantize
    from torchao.quantization.pt2e.observer import (
        MinMaxObserver,
        MovingAveragePerChannelMinMaxObserver,
        PerChannelMinMaxObserver,
    )
    from torchao.quantization.pt2e.quantizer import QuantizationSpec

    of_weight = PerChannelMinMaxObserver.with_args(eps=SMALLEST_SCALE)
    if trainable:
        # A weight that moves: the range is that of the moment, not the widest so far.
        now = MovingAveragePerChannelMinMaxObserver.with_args(averaging_constant=1.0, eps=SMALLEST_SCALE)
        of_weight = FakeQuantize.with_args(observer=now)
    weight = QuantizationSpec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        is_dynamic=False,
        observer_or_fake_quant_ctr=of_weight,
    )
    return _of_range(MinMaxObserver, trainable), weight


def _summed(trainable: bool) -> Any:
    """An int8 activation with a scale of ``SUMMED_SCALE_BITS``."""
    from torchao.quantization.pt2e.observer import MinMaxObserver

    class CoarseScaleObserver(MinMaxObserver):  # type: ignore[misc]  # a class without types
        def calculate_qparams(self) -> tuple[Tensor, Tensor]:
            scale, zero_point = super().calculate_qparams()
            scale = coarser(scale, SUMMED_SCALE_BITS)
            lowest = self.quant_min - (self.min_val.clamp(max=0.0) / scale).round()
            return scale, lowest.clamp(self.quant_min, self.quant_max).to(zero_point.dtype)

    return _of_range(CoarseScaleObserver, trainable)


def _of_range(observer: Any, trainable: bool) -> Any:
    """An int8 activation whose range ``observer`` knows."""
    from torchao.quantization.pt2e import FakeQuantize

    observing = observer.with_args(eps=SMALLEST_SCALE)
    return _per_tensor(FakeQuantize.with_args(observer=observing) if trainable else observing)


def _at_run_time() -> Any:
    """An int8 activation whose range the program takes, each time, from its smallest and largest value."""
    from torchao.quantization.pt2e.observer import PlaceholderObserver

    return _per_tensor(PlaceholderObserver.with_args(eps=SMALLEST_SCALE), is_dynamic=True)


def _per_tensor(observer: Any, is_dynamic: bool = False) -> Any:
    """An int8 activation that ``observer``, or a fake quantiser, looks at."""
    from torchao.quantization.pt2e.quantizer import QuantizationSpec

    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
        is_dynamic=is_dynamic,
        observer_or_fake_quant_ctr=observer,
    )


def _known(scale: float, zero_point: int) -> Any:
    """An int8 activation whose parameters need no calibration."""
    from torchao.quantization.pt2e.quantizer import FixedQParamsQuantizationSpec

    return FixedQParamsQuantizationSpec(
        dtype=torch.int8,
        scale=scale,
        zero_point=zero_point,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
    )


def _annotate_layer(node: Node, given: Any, weight: Any, activation: Any, summed: Any) -> None:
    """``activation``: of what a ReLU makes of the output, if one follows; ``summed``: of the output, else."""
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation

    inputs = {node.args[0]: given, node.args[1]: weight}
    users = list(node.users)
    if len(users) == 1 and users[0].target is torch.ops.aten.relu.default:
        node.meta[ANNOTATION] = QuantizationAnnotation(input_qspec_map=inputs, _annotated=True)
        users[0].meta[ANNOTATION] = QuantizationAnnotation(output_qspec=activation, _annotated=True)
    else:
        node.meta[ANNOTATION] = QuantizationAnnotation(
            input_qspec_map=inputs, output_qspec=summed, _annotated=True
        )


def _constant_additions(layer: Node) -> list[Node]:
    """Where a constant is added to ``layer``'s output, or to its ReLU's, and a ReLU follows, which the next
    layer reads."""
    users = list(layer.users)
    made = users[0] if len(users) == 1 and users[0].target is torch.ops.aten.relu.default else layer
    return [
        user
        for user in made.users
        if user.target is torch.ops.aten.add.Tensor
        and all(isinstance(arg, Node) and (arg is made or arg.op == "get_attr") for arg in user.args[:2])
        and [after.target for after in user.users] == [torch.ops.aten.relu.default]
    ]


def _annotate_addition(addition: Node, activation: Any) -> None:
    """Int8 in, int8 out after the ReLU: in float it would take as long as the layers around it."""
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation

    inputs = {arg: activation for arg in addition.args[:2]}
    addition.meta[ANNOTATION] = QuantizationAnnotation(input_qspec_map=inputs, _annotated=True)
    (relu,) = addition.users
    relu.meta[ANNOTATION] = QuantizationAnnotation(output_qspec=activation, _annotated=True)


def count_int8_layers(converted: nn.Module) -> int:
    """Calls of layers whose input and weight come from int8, in a graph that PT2E converted."""

    def from_int8(value: Any) -> bool:
        return isinstance(value, Node) and "dequantize" in str(value.target)

    assert isinstance(converted, GraphModule)
    calls = [node for node in converted.graph.nodes if node.target in LAYERS]
    return sum(all(map(from_int8, node.args[:2])) for node in calls)
