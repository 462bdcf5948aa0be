"""One call of a convolution or linear layer, as fp32 computes it and as a program does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from models.family import Method
from models.liif.programs import checkpoint_path
from quantize.graph import LAYERS, module_path


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
    """``method`` in fp32 PyTorch, layer by layer."""

    def __init__(self, method: Method) -> None:
        graph = method.trace().module()
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
