"""One call of a convolution or linear layer, as fp32 computes it and as a program does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from edge.backends.xnnpack.export import trace
from edge.methods import Method
from edge.recipe import MAX_TILE
from quantize.graph import LAYERS, module_path


@dataclass(frozen=True)
class Steps:
    """What an int8 output can be: multiples of ``size`` between two values, in the layer's own units."""

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class LayerCall:
    """What a program's layer was ``given`` and ``made`` of it, after a ReLU if ``relu``, in ``steps`` if it
    is in int8; ``weight``: in float, as the program holds it. Shapes as PyTorch has them.

    ``reads``: the steps of an int8 input that no other layer has made as it is; ``source``: what was rounded
    to it, where the program shows that.
    """

    weight: Tensor
    given: Tensor
    made: Tensor
    relu: bool = False
    steps: Steps | None = None
    reads: Steps | None = None
    source: Tensor | None = None


@dataclass(frozen=True)
class ReferenceCall:
    """A layer's call in fp32: its name in the checkpoint, its weight, its input and output.

    ``giver``: the graph's node that gives the input. ``again``: what the layer makes of another input, with
    another weight. ``factor``: what its output is multiplied by next, which Core ML's converter folds into
    weight and bias.
    """

    layer: str
    weight: Tensor
    given: Tensor
    giver: Node
    made: Tensor
    again: Callable[[Tensor, Tensor], Tensor]
    factor: float = 1.0


class Reference:
    """``method`` in fp32 PyTorch, layer by layer, for tiles up to MAX_TILE."""

    def __init__(self, method: Method) -> None:
        graph = trace(method, MAX_TILE).module()
        assert isinstance(graph, GraphModule)
        self._graph = graph
        self._last_use = {given: node for node in graph.graph.nodes for given in node.all_input_nodes}

    def calls(self, inputs: Sequence[Tensor]) -> Iterator[ReferenceCall]:
        """Every layer's call, in the network's order, each when it is asked for."""
        values: dict[Node, Any] = {}
        arguments = iter(inputs)
        for node in self._graph.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(arguments)
            elif node.op == "get_attr":
                values[node] = attrgetter(node.target)(self._graph).detach()
            elif node.op == "call_function":
                args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
                with torch.no_grad():
                    values[node] = node.target(*args, **kwargs)
                if node.target in LAYERS:
                    name = checkpoint_path(module_path(node), node.args[1].target)
                    again = _with(node.target, args[2:])
                    given, made = args[0], values[node]
                    yield ReferenceCall(name, args[1], given, node.args[0], made, again, _factor(node))
            for given in node.all_input_nodes:
                if self._last_use[given] is node:
                    values.pop(given, None)


def _with(function: Callable[..., Tensor], others: Sequence[Any]) -> Callable[[Tensor, Tensor], Tensor]:
    def again(given: Tensor, weight: Tensor) -> Tensor:
        with torch.no_grad():
            return function(given, weight, *others)

    return again


def _factor(layer: Node) -> float:
    users = list(layer.users)
    if len(users) == 1 and users[0].target is torch.ops.aten.mul.Tensor:
        by = users[0].args[1]
        return float(by) if isinstance(by, int | float) else 1.0
    return 1.0


def checkpoint_path(path: str, weight: str) -> str:
    """The checkpoint's name of the layer at ``path`` in one of our forms; the blend's have their weight's."""
    parts = {"hoisted": "imnet.layers.0", "coordinates": "imnet.layers.0 (coordinates)"}
    form, _, rest = path.partition(".")
    if form == "layers":
        number, _, part = rest.partition(".")  # a ReLU between two; the first is in two parts
        return f"imnet.layers.{2 * int(number) + 2}" + (f" ({part})" if part else "")
    return parts.get(path, path) or weight
