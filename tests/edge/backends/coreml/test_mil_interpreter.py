"""The interpreter computes what a package says: PyTorch's numbers, or others if the package is wrong."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.backends.coreml.export import convert
from edge.backends.coreml.mil_interpreter import MILProgram
from edge.backends.coreml.runtime import import_coremltools
from edge.errors import BadArtifact
from edge.palettes import SMALLEST_COMPRESSED
from edge.precisions import PALETTIZED
from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF, LIIFConfig
from quantize.palette import Palette, palettize

SHAPE = (1, 3, 5, 7)
PalettesOf = Callable[[nn.Module, str], dict[str, Palette]]
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
MODEL = Path("Data/com.apple.CoreML/model.mlmodel")


def liif(**options: Any) -> LIIF:
    torch.manual_seed(2)
    sizes = {"n_feats": 8, "block_widths": (6,), "hidden_widths": (32,)}
    return LIIF(LIIFConfig(**{**sizes, **options})).eval()


def pixels(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).random(shape, np.float32)


def pytorch(module: nn.Module, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        result: NDArray[np.float32] = module(*map(torch.from_numpy, inputs)).numpy()
    return result


def with_weights(module: nn.Module, change: Callable[[str, Tensor], Tensor]) -> nn.Module:
    """A copy of ``module`` with changed parameters and buffers."""
    changed = copy.deepcopy(module)
    changed.load_state_dict({name: change(name, tensor) for name, tensor in module.state_dict().items()})
    return changed


def in_half(name: str, tensor: Tensor) -> Tensor:
    return tensor.half().float()


class Converted:
    """A module and its packages, each converted once."""

    def __init__(
        self, module: nn.Module, folder: Path, palettes_of: PalettesOf = lambda module, precision: {}
    ) -> None:
        self.module = module.eval()
        self.folder = folder
        self.palettes_of = palettes_of

    def package(self, precision: str) -> Path:
        path = self.folder / f"{precision}.mlpackage"
        if not path.exists():
            module = self.module
            palettes = self.palettes_of(module, precision)
            if palettes:
                module = palettize(module, palettes, [(torch.from_numpy(pixels(*SHAPE)),)])
            convert(module, {"lr": SHAPE}, "sr", precision, path, palettes)
        return path

    def run(self, precision: str, arithmetic: Any = "exact") -> NDArray[np.float32]:
        return MILProgram(self.package(precision), arithmetic).run({"lr": pixels(*SHAPE)})["sr"]


@pytest.fixture(scope="module")
def fixed(palettes_of: PalettesOf, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    module = FixedScaleLIIF(liif(hidden_widths=(32, 80)), 2)
    return Converted(module, tmp_path_factory.mktemp("fixed"), palettes_of)


@pytest.fixture
def damaged(fixed: Converted, tmp_path: Path) -> Path:
    """A copy of a good fp16 package, for a test to damage."""
    return shutil.copytree(fixed.package("fp16"), tmp_path / "damaged.mlpackage")


# The packages that we make


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_fp32_package_is_pytorch_at_every_fixed_scale(scale: int, tmp_path: Path) -> None:
    converted = Converted(FixedScaleLIIF(liif(), scale), tmp_path)
    np.testing.assert_allclose(
        converted.run("fp32"), pytorch(converted.module, pixels(*SHAPE)), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    "options",
    [
        {"local_ensemble": False},
        {"feat_unfold": False},
        {"cell_decode": False},
        {"local_ensemble": False, "feat_unfold": False, "cell_decode": False, "res_scale": 0.1},
        {"block_widths": (), "hidden_widths": (16, 8)},
    ],
    ids=lambda options: ", ".join(f"{k}={v}" for k, v in options.items()),
)
def test_an_fp32_package_is_pytorch_with_every_option(options: dict[str, Any], tmp_path: Path) -> None:
    converted = Converted(FixedScaleLIIF(liif(**options), 2), tmp_path)
    np.testing.assert_allclose(
        converted.run("fp32"), pytorch(converted.module, pixels(*SHAPE)), rtol=0, atol=1e-6
    )


def test_the_encoder_is_pytorch(tmp_path: Path) -> None:
    converted = Converted(AnyScaleEncoder(liif()), tmp_path)
    expected = pytorch(converted.module, pixels(*SHAPE))
    np.testing.assert_allclose(converted.run("fp32"), expected, rtol=0, atol=1e-6)


def test_the_decoder_is_pytorch_and_takes_its_inputs_by_name(tmp_path: Path) -> None:
    module, rows, coordinates = AnyScaleDecoder(liif(hidden_widths=(32, 16))), pixels(10, 32), pixels(10, 4)
    path = tmp_path / "decode.mlpackage"
    convert(module.eval(), {"rows": (10, 32), "coordinates": (10, 4)}, "rgb", "fp32", path)
    program = MILProgram(path)
    found = program.run({"coordinates": coordinates, "rows": rows})["rgb"]
    assert program.input_shapes == {"rows": (10, 32), "coordinates": (10, 4)}
    np.testing.assert_allclose(found, pytorch(module, rows, coordinates), rtol=0, atol=1e-6)


def test_an_fp16_package_in_exact_arithmetic_is_pytorch_with_fp16_weights(fixed: Converted) -> None:
    expected = pytorch(with_weights(fixed.module, in_half), pixels(*SHAPE))
    np.testing.assert_allclose(fixed.run("fp16"), expected, rtol=0, atol=1e-6)


def test_fp16_arithmetic_rounds_every_result_and_stays_close(fixed: Converted) -> None:
    exact, rounded = fixed.run("fp16"), fixed.run("fp16", "fp16")
    assert 1e-5 < np.abs(exact - rounded).max() < 2e-3
    np.testing.assert_array_equal(rounded, rounded.astype(np.float16).astype(np.float32))


def test_fp16_arithmetic_leaves_an_fp32_package_alone(fixed: Converted) -> None:
    np.testing.assert_array_equal(fixed.run("fp32", "fp16"), fixed.run("fp32"))


def test_an_int8_package_is_pytorch_with_fake_quantised_weights(fixed: Converted) -> None:
    trained = dict(fixed.module.named_parameters())

    def quantised(name: str, tensor: Tensor) -> Tensor:
        if name not in trained or tensor.ndim == 1 or tensor.numel() <= SMALLEST_COMPRESSED:
            return in_half(name, tensor)
        half = tensor.numpy().astype(np.float16)  # coremltools divides in float16
        scale = 2 * np.abs(half).max(axis=tuple(range(1, half.ndim)), keepdims=True) / np.float16(254)
        level = np.round(half / scale).clip(-127, 127)
        return torch.from_numpy(level.astype(np.float32) * scale.astype(np.float32))

    expected = pytorch(with_weights(fixed.module, quantised), pixels(*SHAPE))
    np.testing.assert_allclose(fixed.run("int8-weights"), expected, rtol=0, atol=1e-6)
    assert np.abs(fixed.run("int8-weights") - fixed.run("fp16")).max() > 1e-5


@pytest.mark.parametrize("precision", PALETTIZED)
def test_a_package_with_palettes_is_what_coremltools_makes_of_it_without(
    fixed: Converted, tmp_path: Path, precision: str
) -> None:
    from coremltools.models import MLModel
    from coremltools.optimize.coreml import decompress_weights

    whole = tmp_path / "whole.mlpackage"
    decompress_weights(MLModel(str(fixed.package(precision)), skip_model_load=True)).save(str(whole))
    expected = MILProgram(whole).run({"lr": pixels(*SHAPE)})["sr"]
    np.testing.assert_allclose(fixed.run(precision), expected, rtol=0, atol=2e-6)
    assert np.abs(fixed.run(precision) - fixed.run("fp16")).max() > 1e-5


def test_a_package_of_several_shapes_is_pytorch_at_each_and_refuses_others(tmp_path: Path) -> None:
    module, path = FixedScaleLIIF(liif(local_ensemble=False), 3).eval(), tmp_path / "shapes.mlpackage"
    convert(module, {"lr": [(1, 3, 6, 6), (1, 3, 9, 12)]}, "sr", "fp32", path)
    program = MILProgram(path)
    assert program.input_shapes == {"lr": (1, 3, 6, 6)}
    for shape in [(1, 3, 6, 6), (1, 3, 9, 12)]:
        found = program.run({"lr": pixels(*shape)})["sr"]
        np.testing.assert_allclose(found, pytorch(module, pixels(*shape)), rtol=0, atol=1e-6)
    with pytest.raises(
        BadArtifact, match=r"lr \(1, 3, 6, 6\) or \(1, 3, 9, 12\) float32; found lr \(1, 3, 9, 9\)"
    ):
        program.run({"lr": pixels(1, 3, 9, 9)})


def test_an_observer_sees_every_operation_up_to_the_output(fixed: Converted) -> None:
    seen: dict[str, Tensor] = {}
    result = MILProgram(fixed.package("fp32")).run({"lr": pixels(*SHAPE)}, seen.__setitem__)
    convolutions = [name for name in seen if name.startswith("conv")]
    assert list(seen)[-1] == "sr"
    np.testing.assert_array_equal(seen["sr"], result["sr"])
    head = fixed.module.encoder.head(torch.from_numpy(pixels(*SHAPE)) * 2 - 1)
    np.testing.assert_allclose(seen[convolutions[0]], head.detach(), rtol=0, atol=1e-6)


# Packages that coremltools compressed: equal to what its own decompression makes of them


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


# Programs written by hand, for what our packages have only when activations are quantised


def build(body: Callable[[Any, Any], Any], path: Path) -> MILProgram:
    """The program of ``body(builder, x)`` for x of (1, 3, 5, 7); ``body`` calls its result ``y``."""
    ct = import_coremltools()
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    specs = [mb.TensorSpec(shape=SHAPE)]

    @mb.program(input_specs=specs, opset_version=ct.target.iOS17)
    def program(x: Any) -> Any:
        return body(mb, x)

    ct.convert(
        program,
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    ).save(str(path))
    return MILProgram(path)


def test_quantised_activations_round_half_to_even_and_saturate(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        zero, scale = np.uint8(10), np.float32(0.125)
        levels = mb.quantize(input=x, scale=scale, zero_point=zero, output_dtype="uint8")
        return mb.dequantize(input=levels, scale=scale, zero_point=zero, name="y")

    x = np.zeros(SHAPE, np.float32)
    x.flat[:5] = [0.0625, 0.1875, -0.07, -5.0, 100.0]
    found = build(body, tmp_path / "m.mlpackage").run({"x": x})["y"].flat[:5]
    np.testing.assert_array_equal(found, np.float32([0.0, 0.25, -0.125, -1.25, 245 / 8]))


def test_activations_quantised_per_channel_have_a_scale_each(tmp_path: Path) -> None:
    scale = np.float32([0.5, 0.25, 0.125])

    def body(mb: Any, x: Any) -> Any:
        levels = mb.quantize(input=x, scale=scale, output_dtype="int8", axis=1)
        return mb.dequantize(input=levels, scale=scale, axis=1, name="y")

    x, steps = pixels(*SHAPE), scale.reshape(1, 3, 1, 1)
    found = build(body, tmp_path / "m.mlpackage").run({"x": x})["y"]
    np.testing.assert_array_equal(found, np.round(x / steps) * steps)


def test_a_convolution_may_pad_one_side_only(tmp_path: Path) -> None:
    weight = pixels(2, 3, 2, 2)

    def body(mb: Any, x: Any) -> Any:
        return mb.conv(x=x, weight=weight, pad_type="custom", pad=[1, 0, 0, 1], strides=[2, 1], name="y")

    x = pixels(*SHAPE)
    padded = nn.functional.pad(torch.from_numpy(x), (0, 1, 1, 0))
    expected = nn.functional.conv2d(padded, torch.from_numpy(weight), stride=(2, 1))
    np.testing.assert_allclose(build(body, tmp_path / "m.mlpackage").run({"x": x})["y"], expected, atol=1e-6)


def test_an_unknown_operation_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match=r"operations of const, .*conv, .*relu.*found softmax"):
        build(lambda mb, x: mb.softmax(x=x, axis=1), tmp_path / "m.mlpackage")


# Wrong packages and wrong inputs


def test_an_error_is_one_line_whatever_the_package_says(damaged: Path) -> None:
    model = parse(damaged)
    operations(model)[-1].type = "two\nlines"
    (damaged / MODEL).write_bytes(model.SerializeToString())
    with pytest.raises(BadArtifact, match=r"found two$"):
        MILProgram(damaged)


def parse(package: Path) -> Any:
    from coremltools.proto import Model_pb2

    return Model_pb2.Model.FromString((package / MODEL).read_bytes())


def operations(model: Any) -> Any:
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    return block.operations


def test_one_flipped_sign_among_the_weights_is_seen(fixed: Converted, damaged: Path) -> None:
    (const,) = [
        op for op in operations(parse(damaged)) if op.outputs[0].name == "p_encoder_head_0_weight_to_fp16"
    ]
    metadata = const.attributes["val"].blobFileValue.offset
    data = bytearray((damaged / WEIGHTS).read_bytes())
    first = int.from_bytes(data[metadata + 16 : metadata + 24], "little")  # after sentinel, type and size
    head = fixed.module.encoder.head[0].weight.detach().half().flatten()
    weights = np.frombuffer(data, np.float16, len(head), first)
    np.testing.assert_array_equal(weights, head)
    data[first + 2 * int(np.argmax(np.abs(weights))) + 1] ^= 0x80
    (damaged / WEIGHTS).write_bytes(data)
    found = MILProgram(damaged).run({"lr": pixels(*SHAPE)})["sr"]
    assert np.abs(found - fixed.run("fp16")).max() > 1e-4


def test_truncated_weights_are_refused(damaged: Path) -> None:
    data = (damaged / WEIGHTS).read_bytes()
    for size in (len(data) - 2, len(data) // 2, 10, 0):
        (damaged / WEIGHTS).write_bytes(data[:size])
        with pytest.raises(BadArtifact, match=r"damaged\.mlpackage: expected FLOAT16 .* of weight\.bin"):
            MILProgram(damaged)


def test_missing_weights_are_refused(damaged: Path) -> None:
    (damaged / WEIGHTS).unlink()
    with pytest.raises(BadArtifact, match=r"weight\.bin"):
        MILProgram(damaged)


def test_weights_outside_the_package_are_refused(damaged: Path) -> None:
    model = parse(damaged)
    for operation in operations(model):
        if operation.type == "const" and operation.attributes["val"].HasField("blobFileValue"):
            operation.attributes["val"].blobFileValue.fileName = "@model_path/../../../other.bin"
    (damaged / MODEL).write_bytes(model.SerializeToString())
    with pytest.raises(BadArtifact, match="weights inside the package"):
        MILProgram(damaged)


def test_a_package_without_a_manifest_or_a_model_is_refused(damaged: Path) -> None:
    (damaged / MODEL).unlink()
    with pytest.raises(BadArtifact, match="expected a Core ML model"):
        MILProgram(damaged)
    (damaged / "Manifest.json").write_text("{}")
    with pytest.raises(BadArtifact, match="expected a Core ML package with a manifest"):
        MILProgram(damaged)


def test_a_damaged_model_is_refused_wherever_it_is_cut_or_changed(damaged: Path) -> None:
    data, random = (damaged / MODEL).read_bytes(), np.random.default_rng(5)
    good = MILProgram(damaged).run({"lr": pixels(*SHAPE)})["sr"]
    refused = 0
    for trial in range(30):
        spoilt = bytearray(data[: random.integers(len(data))] if trial % 2 else data)
        spoilt[random.integers(len(spoilt))] ^= 1 << random.integers(8)
        (damaged / MODEL).write_bytes(spoilt)
        try:  # a changed name of a constant, or of the author, does no harm
            found = MILProgram(damaged).run({"lr": pixels(*SHAPE)})
            assert [array.shape for array in found.values()] == [good.shape]
        except BadArtifact as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused >= 15


def test_a_result_of_another_shape_than_declared_is_refused(damaged: Path) -> None:
    model = parse(damaged)
    convolution = [op for op in operations(model) if op.type == "conv"][1]
    convolution.outputs[0].type.tensorType.dimensions[3].constant.size = 9
    (damaged / MODEL).write_bytes(model.SerializeToString())
    with pytest.raises(
        BadArtifact, match=r"conv '.*': declared FLOAT16 \(1, 6, 5, 9\), found .*\(1, 6, 5, 7\)"
    ):
        MILProgram(damaged).run({"lr": pixels(*SHAPE)})


def test_inputs_that_are_misshapen_missing_or_unknown_are_refused(fixed: Converted) -> None:
    program, good = MILProgram(fixed.package("fp32")), pixels(*SHAPE)
    for inputs in ({"lr": good[0]}, {}, {"picture": good}, {"lr": good, "more": good}):
        with pytest.raises(BadArtifact, match=r"expected inputs lr \(1, 3, 5, 7\) float32; found"):
            program.run(inputs)


def test_an_unknown_arithmetic_is_refused(fixed: Converted) -> None:
    with pytest.raises(BadArtifact, match="expected arithmetic exact or fp16, found 'bf16'"):
        MILProgram(fixed.package("fp32"), "bf16")  # type: ignore[arg-type]
