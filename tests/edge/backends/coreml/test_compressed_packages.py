"""A package that coremltools compressed computes what its own decompression makes of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mil_packages import SHAPE, Converted, operations, parse, pixels
from torch import nn

from edge.backends.coreml.mil_interpreter import MILProgram
from edge.backends.coreml.runtime import import_coremltools


def compressed(package: Path, kind: str, folder: Path) -> tuple[Path, Path]:
    """``package`` compressed, and that one decompressed again."""
    optimize = import_coremltools().optimize.coreml
    compressors: dict[str, tuple[Any, Any]] = {
        "6-bit palette": (optimize.palettize_weights, optimize.OpPalettizerConfig("kmeans", nbits=6)),
        "4-bit palette": (optimize.palettize_weights, optimize.OpPalettizerConfig("uniform", nbits=4)),
        "grouped palette": (
            optimize.palettize_weights,
            optimize.OpPalettizerConfig("uniform", 4, granularity="per_grouped_channel", group_size=8),
        ),
        "vector palette": (
            optimize.palettize_weights,
            optimize.OpPalettizerConfig("kmeans", 2, cluster_dim=2),
        ),
        "pruned": (optimize.prune_weights, optimize.OpMagnitudePrunerConfig(target_sparsity=0.6)),
        "int8 with zero points": (
            optimize.linear_quantize_weights,
            optimize.OpLinearQuantizerConfig("linear", "uint8"),
        ),
        "int4 blocks": (
            optimize.linear_quantize_weights,
            optimize.OpLinearQuantizerConfig("linear", "int4", "per_block", 8),
        ),
    }
    compress, config = compressors[kind]
    ct = import_coremltools()
    model = compress(
        ct.models.MLModel(str(package), skip_model_load=True), optimize.OptimizationConfig(config)
    )
    paths = folder / "compressed.mlpackage", folder / "plain.mlpackage"
    model.save(str(paths[0]))
    optimize.decompress_weights(model).save(str(paths[1]))
    return paths


@pytest.fixture(scope="module")
def two_layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One network for iOS 17 and for iOS 18, which have compressed formats of their own."""
    torch.manual_seed(4)
    ct, folder = import_coremltools(), tmp_path_factory.mktemp("two_layers")
    module = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1)).eval()
    program = torch.export.export(module, (torch.zeros(SHAPE),)).run_decompositions({})
    paths = {target: folder / f"{target}.mlpackage" for target in ("iOS17", "iOS18")}
    for target, path in paths.items():
        ct.convert(
            program,
            minimum_deployment_target=ct.target[target],
            compute_precision=ct.precision.FLOAT32,
            inputs=[ct.TensorType("lr", SHAPE)],
            outputs=[ct.TensorType("sr")],
            skip_model_load=True,
        ).save(str(path))
    return paths


def assert_runs_as_decompressed(package: Path, kind: str, operation: str, folder: Path) -> None:
    small, plain = compressed(package, kind, folder)
    assert operation in {op.type for op in operations(parse(small))}
    assert operation not in {op.type for op in operations(parse(plain))}
    results = [MILProgram(path).run({"lr": pixels(*SHAPE)})["sr"] for path in (small, plain, package)]
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-6)
    assert np.abs(results[0] - results[2]).max() > 1e-5


@pytest.mark.parametrize(
    ("target", "kind", "operation"),
    [
        ("iOS17", "6-bit palette", "constexpr_lut_to_dense"),
        ("iOS17", "4-bit palette", "constexpr_lut_to_dense"),
        ("iOS17", "pruned", "constexpr_sparse_to_dense"),
        ("iOS17", "int8 with zero points", "constexpr_affine_dequantize"),
        ("iOS18", "6-bit palette", "constexpr_lut_to_dense"),
        ("iOS18", "grouped palette", "constexpr_lut_to_dense"),
        ("iOS18", "vector palette", "constexpr_lut_to_dense"),
        ("iOS18", "pruned", "constexpr_sparse_to_dense"),
        ("iOS18", "int8 with zero points", "constexpr_blockwise_shift_scale"),
        ("iOS18", "int4 blocks", "constexpr_blockwise_shift_scale"),
    ],
)
def test_a_compressed_package_runs_as_the_same_decompressed(
    two_layers: dict[str, Path], target: str, kind: str, operation: str, tmp_path: Path
) -> None:
    assert_runs_as_decompressed(two_layers[target], kind, operation, tmp_path)


@pytest.mark.parametrize(
    ("kind", "operation"),
    [("4-bit palette", "constexpr_lut_to_dense"), ("pruned", "constexpr_sparse_to_dense")],
)
def test_a_compressed_fp16_package_of_ours_runs_as_the_same_decompressed(
    fixed: Converted, kind: str, operation: str, tmp_path: Path
) -> None:
    assert_runs_as_decompressed(fixed.package("fp16"), kind, operation, tmp_path)
