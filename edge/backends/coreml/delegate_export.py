"""Export to ExecuTorch with Core ML: one ``.pte``, each of its methods one Core ML delegate."""

from collections.abc import Mapping

from torch.export import ExportedProgram

from edge.backends.coreml.runtime import import_coremltools
from edge.backends.pte import serialize
from edge.errors import BadInput

# The precisions that ExecuTorch's compile specifications express, and what Core ML computes in. Of int8 the
# program itself has the quantise-dequantise pairs. Int8 weights are among the specifications too, but
# without a way to leave the blending kernel out: its weights would no longer sum to one.
COMPUTE_PRECISIONS = {"fp32": "float32", "fp16": "float16", "int8": "float16"}


def lower_to_coreml(programs: Mapping[str, ExportedProgram], precision: str) -> bytes:
    """The ``.pte`` file of these methods, traced at the one size that they take, for iOS 17 or later.

    Float32 at the door in every precision. Raises BadInput for a precision that ExecuTorch cannot ask
    Core ML for, ExportError if an operator stays outside the delegates, MissingDependency without
    coremltools.
    """
    if precision not in COMPUTE_PRECISIONS:
        raise BadInput(f"expected a precision of {', '.join(COMPUTE_PRECISIONS)}, found {precision!r}")
    ct = import_coremltools()
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.compiler.coreml_preprocess import (
        MULTIMETHOD_WEIGHT_SHARING_STRATEGY,
    )
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner
    from executorch.exir import to_edge_transform_and_lower

    specs = [
        *CoreMLBackend.generate_compile_specs(
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision(COMPUTE_PRECISIONS[precision]),
        ),
        # A package per method. Shared, all methods would be in one, which needs iOS 18; they have no
        # weights in common.
        CoreMLBackend.generate_multimethod_weight_sharing_strategy_compile_spec(
            MULTIMETHOD_WEIGHT_SHARING_STRATEGY.DISABLED
        ),
    ]
    lowered = to_edge_transform_and_lower(
        dict(programs), partitioner={name: [CoreMLPartitioner(compile_specs=specs)] for name in programs}
    )
    return serialize(lowered, programs, "Core ML", frozenset({"getitem"}))  # of the delegate's results
