"""Codes of a graph's int8 weights by GPTQ, layer by layer, and biases corrected for what is left."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node

from quantize.gptq import Window, input_rows, outer_products, round_columns
from quantize.graph import CONVOLUTION, LINEAR

# Rows of a layer's input that its second moments are taken from: 25 for each of the widest layer's 576.
MAX_ROWS = 14_400


def refine(
    converted: GraphModule,
    weights: Mapping[str, Tensor],
    inputs: Sequence[tuple[Tensor, ...]],
    *,
    gptq: bool,
    bias_correction: bool,
) -> None:
    """Change codes and biases of ``converted``'s int8 layers in place, in the order in which they run.

    ``weights``: the float weight of each layer's call, by node name. ``inputs`` run side by side, so that
    every layer meets what the refined layers before it give, as far as the last layer that changes. A weight
    that several calls share gets its codes in the first; their biases are their own. Layers in groups keep
    their codes.
    """
    _dequantize_where_read(converted)
    layers = [node for node in converted.graph.nodes if node.name in weights and _codes(node) is not None]
    first_calls = {str(_codes(node)): node for node in reversed(layers) if _groups(node) == 1}
    rounded = set(first_calls.values()) if gptq else set()
    corrected = set(layers) if bias_correction else set()
    left = rounded | corrected
    runs = [_Run(converted, values) for values in inputs]
    with torch.no_grad():
        for node in converted.graph.nodes:
            if node in left:
                x = [run.env[node.args[0]] for run in runs]
                if node in rounded:
                    _round_layer(converted, node, weights[node.name], x, runs)
                if node in corrected:
                    _correct_bias(converted, node, weights[node.name], x, runs)
                left.remove(node)
            if not left:
                break
            for run in runs:
                run.step(node)


def _dequantize_where_read(converted: GraphModule) -> None:
    """Move what makes floats of codes to the one node that reads them.

    PT2E leaves those of weights at the graph's beginning, and has one for every reader of an activation right
    after it: every run would hold every call's weight, and a copy of the MLP's first layer for each of its 64
    readers at ×4, at once.
    """
    for node in list(converted.graph.nodes):
        for source in node.all_input_nodes:
            if "dequantize_per" in str(source.target) and len(source.users) == 1:
                node.prepend(source)
    converted.recompile()


class _Run(Interpreter):
    """One input on its way through the graph, a node at a time."""

    def __init__(self, graph: GraphModule, values: tuple[Tensor, ...]) -> None:
        super().__init__(graph)
        self.args_iter = iter(values)

    def step(self, node: Node) -> None:
        self.env[node] = self.run_node(node)
        for finished in self.user_to_last_uses.get(node, []):
            if finished.op != "get_attr":  # constants are read again when codes change
                del self.env[finished]


def _codes(layer: Node) -> Node | None:
    """The constant with the int8 weight of ``layer``; None if it or the input is float."""
    x, weight = layer.args[:2]
    if not all(isinstance(arg, Node) and "dequantize_per" in str(arg.target) for arg in (x, weight)):
        return None
    assert isinstance(weight, Node)
    codes = weight.args[0]
    return codes if isinstance(codes, Node) and codes.op == "get_attr" else None


def _groups(layer: Node) -> int:
    groups: Any = layer.args[6] if len(layer.args) > 6 else 1
    return int(groups)


def _round_layer(
    graph: GraphModule, layer: Node, weight: Tensor, x: Sequence[Tensor], runs: Sequence[_Run]
) -> None:
    dequantize: Any = layer.args[1]
    codes, scale = (_attribute(graph, dequantize.args[number]) for number in (0, 1))
    limits = dequantize.args[4], dequantize.args[5]
    chosen = round_by_gptq(weight.flatten(1), scale, input_moments(layer, weight, x), limits)
    codes.copy_(chosen.view_as(codes))
    for user in _codes_of(dequantize).users:  # the graph has dequantised the old codes already
        for run in runs:
            if user in run.env:
                run.env[user] = run.run_node(user)


def round_by_gptq(weight: Tensor, scale: Tensor, moments: Tensor, limits: tuple[int, int]) -> Tensor:
    """Codes (rows, n) of ``weight`` (rows, n) with a ``scale`` (rows,) per row.

    ``moments`` (n, n): E[x xᵀ] of the layer's inputs. Codes lie within ``limits``.
    """
    step = scale.double()

    def nearest(column: Tensor) -> Tensor:
        return (column / step).round().clamp(*limits) * step

    return (round_columns(weight, moments, nearest) / step[:, None]).round().to(torch.int8)


def _correct_bias(
    graph: GraphModule, layer: Node, weight: Tensor, x: Sequence[Tensor], runs: Sequence[_Run]
) -> None:
    """Take the mean error that the weight's codes make off the bias (Nagel et al. 2019, 1906.04721)."""
    bias = layer.args[2] if len(layer.args) > 2 else None
    if not isinstance(bias, Node):
        return
    call: Any = layer.target
    dequantized: Any = layer.args[1]
    error = weight - runs[0].env[dequantized]
    outputs = [call(values, error, None, *layer.args[3:]) for values in x]
    channels = 1 if layer.target is CONVOLUTION else outputs[0].ndim - 1
    means = [out.transpose(0, channels).flatten(1).mean(1) for out in outputs]
    corrected = _attribute(graph, bias).detach() + torch.stack(means).mean(0)
    parent, _, name = str(bias.target).rpartition(".")
    # A new one: the graph shares its parameters with the network that it was exported from.
    setattr(graph.get_submodule(parent), name, nn.Parameter(corrected))
    for run in runs:
        run.env[bias] = corrected


def input_moments(layer: Node, weight: Tensor, x: Sequence[Tensor]) -> Tensor:
    """E[v vᵀ] (n, n) of what ``layer`` multiplies a row of its ``weight`` with, evenly from all inputs."""
    share = -(-MAX_ROWS // len(x))
    moves: Any = layer.args[3:6]  # stride, padding, dilation, as far as they were given
    window = None if layer.target is LINEAR else Window(tuple(weight.shape[2:]), *moves)
    every = [input_rows(values, window) for values in x]
    chosen = torch.cat([rows[:: max(1, len(rows) // share)] for rows in every])
    return outer_products(chosen).double() / len(chosen)


def _codes_of(dequantize: Node) -> Node:
    codes = dequantize.args[0]
    assert isinstance(codes, Node)
    return codes


def _attribute(graph: GraphModule, node: Any) -> Tensor:
    value: Any = graph
    for name in str(node.target).split("."):
        value = getattr(value, name)
    assert isinstance(value, Tensor)
    return value
