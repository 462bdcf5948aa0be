"""One calibrated graph, in which every layer can be float, int8, or float with weights of few bits.

Measuring a layer at a width takes a run of the graph, not another export, calibration and conversion.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.node import map_arg

from quantize.graph import LAYERS, module_path
from quantize.ranges import least_error_scales
from quantize.rounding import input_moments, round_by_gptq
from quantize.static import Calibrated

# int8: weights, input and output in 8 bits. The others: weights alone, simulated.
BitWidth = Literal["float", "int8", "weights-6", "weights-4"]
BITS: dict[BitWidth, int] = {"int8": 8, "weights-6": 6, "weights-4": 4}


class SweepGraph:
    """``calibrated`` with a switch per layer, all of them at float. ``layers``: their module paths, in the
    order in which they run, and how many weights each has."""

    def __init__(self, calibrated: Calibrated) -> None:
        self.graph = calibrated.graph
        self._calls = [n for n in self.graph.graph.nodes if n.name in calibrated.weights]
        self._weights = {module_path(n): calibrated.weights[n.name] for n in self._calls}
        self.layers = {path: weight.numel() for path, weight in self._weights.items()}
        self._makers = {
            node: _maker(node) for node in self.graph.graph.nodes if _is_observer(self.graph, node)
        }
        self._moments: dict[str, Tensor] = {}
        self._rounded: dict[tuple[str, BitWidth], Tensor] = {}
        self._observe(calibrated)

    def run(self, widths: Mapping[str, BitWidth], inputs: tuple[Tensor, ...]) -> Tensor:
        """The output with layers at ``widths``; those that it does not name are float."""
        with torch.no_grad():
            out: Tensor = _Mixed(self, widths).run(*inputs)
        return out

    def weight(self, path: str, width: BitWidth) -> Tensor:
        """The layer's weight as a program of ``width`` has it, dequantised."""
        if width == "float":
            return self._weights[path]
        if (path, width) not in self._rounded:
            weight, steps = self._weights[path], 2 ** (BITS[width] - 1) - 1
            rows = weight.flatten(1)
            # With few bits the largest weight makes the steps too coarse; with eight it does not.
            scale = rows.abs().amax(1) / steps if width == "int8" else least_error_scales(rows, steps)
            scale = scale.clamp_min(torch.finfo(torch.float32).tiny)
            codes = round_by_gptq(rows, scale, self._moments[path], (-steps, steps))
            self._rounded[path, width] = (codes * scale[:, None]).view_as(weight)
        return self._rounded[path, width]

    def is_int8(self, observer: Node, reader: Node, widths: Mapping[str, BitWidth]) -> bool:
        """Whether ``reader`` gets what ``observer`` saw in 8 bits: if either end is an int8 layer."""
        ends = (self._makers[observer], _owner(reader))
        return any(node is not None and widths.get(module_path(node)) == "int8" for node in ends)

    def _observe(self, calibrated: Calibrated) -> None:
        """Second moments of every layer's input, in its first call."""
        seen: dict[Node, list[Tensor]] = {}
        first = {module_path(node): node for node in reversed(self._calls)}
        with torch.no_grad():
            for values in calibrated.inputs:
                run = _Mixed(self, {})
                run.wanted = {node.args[0] for node in first.values()}
                run.run(*values)
                for node, value in run.found.items():
                    seen.setdefault(node, []).append(value)
        for path, node in first.items():
            x: Any = node.args[0]
            self._moments[path] = input_moments(node, self._weights[path], seen[x])


class _Mixed(Interpreter):
    """Interprets the graph with observers as identities; each consumer fake-quantizes its own input, if its
    layer is in int8."""

    def __init__(self, sweep: SweepGraph, widths: Mapping[str, BitWidth]) -> None:
        super().__init__(sweep.graph)
        self.sweep, self.widths = sweep, widths
        self.rounded: dict[Node, Tensor] = {}
        self.wanted: set[Any] = set()
        self.found: dict[Node, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        observed: Any = n.args[0] if n.args else None
        value = self.env[observed] if n in self.sweep._makers else super().run_node(n)
        if n in self.wanted:
            self.found[n] = value
        return value

    def map_nodes_to_values(self, args: Any, n: Node) -> Any:
        return map_arg(args, lambda argument: self._value(argument, n))

    def _value(self, argument: Node, reader: Node) -> Any:
        if argument not in self.sweep._makers:
            return self.env[argument]
        if reader.target in LAYERS and argument is reader.args[1]:
            path = module_path(reader)
            return self.sweep.weight(path, self.widths.get(path, "float"))
        if not self.sweep.is_int8(argument, reader, self.widths):
            return self.env[argument]
        if argument not in self.rounded:
            observer = getattr(self.sweep.graph, str(argument.target))
            scale, zero_point = (float(v) for v in observer.calculate_qparams())
            self.rounded[argument] = torch.fake_quantize_per_tensor_affine(
                self.env[argument], scale, int(zero_point), -128, 127
            )
        return self.rounded[argument]


def _is_observer(graph: GraphModule, node: Node) -> bool:
    return node.op == "call_module" and hasattr(getattr(graph, str(node.target)), "calculate_qparams")


def _maker(observer: Node) -> Node | None:
    """The layer whose output ``observer`` sees: through a ReLU, and through the addition of a constant."""
    node: Any = observer.args[0]
    if node.target is torch.ops.aten.relu.default:
        node = node.args[0]
    return _owner(node)


def _owner(node: Node) -> Node | None:
    """The layer that ``node`` is or, for the addition of a constant, comes after."""
    if node.target in LAYERS:
        return node
    ends: Any = node.args[:2] if node.target is torch.ops.aten.add.Tensor else ()
    constant = len(ends) == 2 and all(isinstance(end, Node) and end.op == "call_module" for end in ends)
    return _maker(ends[0]) if constant and ends[1].args[0].op == "get_attr" else None
