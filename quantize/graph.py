"""The layers of an exported graph: which operators they are, and which module called them."""

import torch
from torch.fx import Node

CONVOLUTION, LINEAR = torch.ops.aten.conv2d.default, torch.ops.aten.linear.default
LAYERS = {CONVOLUTION, LINEAR}


def module_path(node: Node) -> str:
    """Dotted path of the module that called ``node``; empty for the root's own calls."""
    stack = node.meta.get("nn_module_stack") or {"": ("", None)}
    path: str = list(stack.values())[-1][0]
    return path
