"""The interpreter computes what a package says: PyTorch's numbers."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mil_packages import SHAPE, Converted, liif, pixels
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.backends.coreml.export import convert
from edge.backends.coreml.mil_interpreter import MILProgram
from edge.backends.coreml.runtime import import_coremltools
from edge.errors import BadArtifact
from edge.palettes import SMALLEST_COMPRESSED
from edge.precisions import PALETTIZED
from models import AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF


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


def test_slices_begin_and_end_where_they_say_or_at_the_ends(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        part = mb.slice_by_index(
            x=x,
            begin=[9, 1, 0, -6],
            end=[9, 3, 5, 9],
            stride=[1, 1, 2, 3],
            begin_mask=[True, False, False, False],
            end_mask=[True, False, False, True],
        )
        return mb.mul(x=part, y=np.float32(1.5), name="y")

    x = pixels(*SHAPE)
    found = build(body, tmp_path / "m.mlpackage").run({"x": x})["y"]
    np.testing.assert_array_equal(found, x[:, 1:3, 0:5:2, 1::3] * np.float32(1.5))


def test_sums_keep_their_axes_and_values_keep_their_order_in_a_new_shape(tmp_path: Path) -> None:
    def body(mb: Any, x: Any) -> Any:
        kept = mb.reduce_sum(x=x, axes=[2, 3], keep_dims=True)
        return mb.reshape(x=mb.sub(x=x, y=kept), shape=[3, 35], name="y")

    x = pixels(*SHAPE)
    found = build(body, tmp_path / "m.mlpackage").run({"x": x})["y"]
    np.testing.assert_allclose(found, (x - x.sum((2, 3), keepdims=True)).reshape(3, 35), rtol=1e-6)


def test_an_unknown_operation_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match=r"operations of const, .*conv, .*relu.*found softmax"):
        build(lambda mb, x: mb.softmax(x=x, axis=1), tmp_path / "m.mlpackage")
