"""ExecuTorch's way to XNNPACK without the work that our programs do not need: most of the time of a build.

Each pass runs the whole graph again, whether it finds anything or not. The programs are the same to the
byte (tests/edge/backends/xnnpack/test_export.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.export import ExportedProgram
from torch.fx.traceback import NodeSource

# Passes for layers that no form of the network has: interpolation, attention, batch norm, PReLU and 1-D
# convolutions; padding is the convolutions' own. The first two compile patterns to look for. Neither are
# there operators with several outputs, products for a linear layer (it is kept whole), constants to compute
# with, copies between formats that undo each other, or records for the debugger.
NEEDLESS = frozenset(
    {
        "ConvertToUpsampleBilinear2d",
        "ConvertToSDPAPass",
        "FuseBatchNormPass",
        "DecomposeBatchNorm",
        "InsertPadQDQPass",
        "Conv1dUnsqueezePass",
        "PReLUReshapePass",
        "RemoveGetItemPass",
        "ConvertToLinearPass",
        "ConstPropPass",
        "RemoveRedundantCopyPass",
        "PropagateCustomMetaPass",
    }
)


@contextmanager
def quick_passes() -> Iterator[None]:
    """Within it XNNPACK lowers with the passes that are needed, and nodes share the record of their origin.

    The backend has no parameter for its passes, and may not be subclassed; so its module's name for them
    stands for ours meanwhile. The record, which grows with each pass and is never changed, would be copied
    whole for every node in every pass.
    """
    from executorch.backends.xnnpack import xnnpack_preprocess

    original = xnnpack_preprocess.XNNPACKPassManager

    class QuickPasses(original):  # type: ignore[misc, valid-type]  # a class without types
        def __init__(self, program: ExportedProgram, passes: list[Any] | None = None) -> None:
            super().__init__(program, passes)
            self.passes: list[Any] = [each for each in self.passes if each.__name__ not in NEEDLESS]

    xnnpack_preprocess.XNNPACKPassManager = QuickPasses
    NodeSource.__deepcopy__ = lambda self, memo: self  # type: ignore[attr-defined]
    try:
        yield
    finally:
        xnnpack_preprocess.XNNPACKPassManager = original
        del NodeSource.__deepcopy__  # type: ignore[attr-defined]


def quick_partitioner() -> Any:
    """XNNPACK's partitioner for networks whose every operator it takes or refuses whatever its arguments.

    Its own looks at each operator before it keeps it from being taken apart, for which the graph is traced
    twice more.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    class QuickPartitioner(XnnpackPartitioner):  # type: ignore[misc]  # a class without types
        def ops_to_not_decompose(self, program: ExportedProgram) -> tuple[list[Any], None]:
            return super().ops_to_not_decompose(program)[0], None

    return QuickPartitioner()
