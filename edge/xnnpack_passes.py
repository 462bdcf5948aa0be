"""XNNPACK's passes over a program that is being lowered, without the work that our programs do not need.

Each of its passes runs the whole graph again, on symbolic sizes, whether it finds anything or not: most of
the time that a build takes. The programs are the same to the byte (tests/edge/test_executorch_export.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses import FakeTensor
from torch.export import ExportedProgram

# Passes for layers that no form of the network has: interpolation, attention, batch norm, PReLU and 1-D
# convolutions; padding is the convolutions' own. The first two compile patterns to look for.
NEEDLESS = frozenset(
    {
        "ConvertToUpsampleBilinear2d",
        "ConvertToSDPAPass",
        "FuseBatchNormPass",
        "DecomposeBatchNorm",
        "InsertPadQDQPass",
        "Conv1dUnsqueezePass",
        "PReLUReshapePass",
    }
)


@contextmanager
def quick_passes() -> Iterator[None]:
    """Within it XNNPACK lowers with the passes that are needed, and on the largest sizes, not on symbols.

    A delegate holds the largest shape of each tensor anyway, and takes those of a call when it is called.
    The backend has no parameter for its passes, and may not be subclassed; so its module's name for them
    stands for ours meanwhile.
    """
    from executorch.backends.xnnpack import xnnpack_preprocess

    original = xnnpack_preprocess.XNNPACKPassManager

    class QuickPasses(original):  # type: ignore[misc, valid-type]  # a class without types
        def __init__(self, program: ExportedProgram, passes: list[Any] | None = None) -> None:
            super().__init__(with_largest_shapes(program), passes)
            self.passes: list[Any] = [each for each in self.passes if each.__name__ not in NEEDLESS]

    xnnpack_preprocess.XNNPACKPassManager = QuickPasses
    try:
        yield
    finally:
        xnnpack_preprocess.XNNPACKPassManager = original


def with_largest_shapes(program: ExportedProgram) -> ExportedProgram:
    """``program``, its inputs' symbolic sizes replaced by the largest that they stand for, in place."""
    from executorch.exir.sym_util import eval_shape_upper_bound, eval_upper_bound

    for node in program.graph.nodes:
        value = node.meta.get("val") if node.op == "placeholder" else None
        if isinstance(value, torch.SymInt):
            node.meta["val"] = eval_upper_bound(value)
        elif isinstance(value, FakeTensor):
            with value.fake_mode:
                node.meta["val"] = torch.empty(eval_shape_upper_bound(value.shape), dtype=value.dtype)
    return program
