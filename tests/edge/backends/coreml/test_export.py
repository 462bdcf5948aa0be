"""A converted package states what an app needs to know, and holds the module's weights and no others.

That it also computes what the module computes is tests/edge/backends/coreml/test_mil_interpreter.py's.
"""

import math
import tempfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edge.backends.coreml.export import PRECISIONS, convert
from edge.errors import BadInput
from edge.palettes import PALETTES, SMALLEST_COMPRESSED
from edge.precisions import MIXED, PALETTIZED
from models import LIIF, AnyScaleDecoder, FixedScaleLIIF, LIIFConfig
from quantize.palette import Palette, palettize

SHAPE = (1, 3, 6, 8)

PalettesOf = Callable[[nn.Module, str], dict[str, Palette]]


@pytest.fixture(scope="module")
def tiny() -> LIIF:
    torch.manual_seed(1)
    return LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(32, 80))).eval()


@pytest.fixture(scope="module")
def packages(
    tiny: LIIF, palettes_of: PalettesOf, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    paths = {precision: folder / f"{precision}.mlpackage" for precision in PRECISIONS}
    for precision, path in paths.items():
        module: nn.Module = FixedScaleLIIF(tiny, 2).eval()
        palettes = palettes_of(module, precision)
        if palettes:
            module = palettize(module, palettes, [(torch.rand(SHAPE),)])
        convert(module, {"lr": SHAPE}, "sr", precision, path, palettes)
    return paths


def read(package: Path) -> Any:
    from coremltools.proto import Model_pb2

    (model,) = package.rglob("*.mlmodel")
    return Model_pb2.Model.FromString(model.read_bytes())


def operations(package: Path) -> list[Any]:
    main = read(package).mlProgram.functions["main"]
    return list(main.block_specializations[main.opset].operations)


def element_of(package: Path, output: str) -> str:
    from coremltools.proto import MIL_pb2

    (found,) = [op.outputs[0] for op in operations(package) if op.outputs[0].name == output]
    return str(MIL_pb2.DataType.Name(found.type.tensorType.dataType))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_package_takes_and_returns_float32_arrays_by_the_given_names(
    packages: dict[str, Path], precision: str
) -> None:
    description = read(packages[precision]).description
    (taken,), (returned,) = description.input, description.output
    float32 = taken.type.multiArrayType.FLOAT32
    assert (taken.name, tuple(taken.type.multiArrayType.shape)) == ("lr", SHAPE)
    assert (returned.name, tuple(returned.type.multiArrayType.shape)) == ("sr", (1, 3, 12, 16))
    assert {taken.type.multiArrayType.dataType, returned.type.multiArrayType.dataType} == {float32}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_package_is_for_ios_17_but_those_of_several_palettes_a_layer(
    packages: dict[str, Path], precision: str
) -> None:
    ios_17, ios_18 = 8, 9
    newer = precision in ("palette4", MIXED)
    assert read(packages[precision]).specificationVersion == (ios_18 if newer else ios_17)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_package_holds_what_its_manifest_lists_and_nothing_else(
    packages: dict[str, Path], precision: str
) -> None:
    root = packages[precision]
    files = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
    data = "Data/com.apple.CoreML"
    assert files == {"Manifest.json", f"{data}/model.mlmodel", f"{data}/weights/weight.bin"}


def test_weights_shared_by_the_queries_are_stored_once(packages: dict[str, Path], tiny: LIIF) -> None:
    weights = packages["fp32"] / "Data/com.apple.CoreML/weights/weight.bin"
    module = FixedScaleLIIF(tiny, 2)
    tensors = [*module.parameters(), *module.buffers()]
    assert sum(4 * t.numel() for t in tensors) <= weights.stat().st_size
    assert weights.stat().st_size < sum(4 * t.numel() + 128 for t in tensors) + 128 * len(module.queries)


def test_int8_is_for_the_large_trained_weights_only(packages: dict[str, Path], tiny: LIIF) -> None:
    module = FixedScaleLIIF(tiny, 2)
    large = {
        "p_" + name.replace(".", "_")
        for name, weight in module.named_parameters()
        if weight.ndim > 1 and weight.numel() > SMALLEST_COMPRESSED
    }
    quantised = {
        op.outputs[0].name.removesuffix("_to_fp16_quantized")
        for op in operations(packages["int8-weights"])
        if op.type == "constexpr_affine_dequantize"
    }
    assert module.blend_kernel.numel() > SMALLEST_COMPRESSED
    assert quantised == large
    assert element_of(packages["int8-weights"], "b_blend_kernel_to_fp16") == "FLOAT16"


def dense_weights(package: Path) -> dict[str, torch.Tensor]:
    """The compressed weights by name, as coremltools itself unpacks them."""
    from coremltools.models import MLModel
    from coremltools.optimize.coreml import decompress_weights, get_weights_metadata

    names = {op.outputs[0].name for op in operations(package) if op.type.startswith("constexpr_")}
    model = decompress_weights(MLModel(str(package), skip_model_load=True))
    metadata = get_weights_metadata(model, weight_threshold=0)
    found = {name: torch.from_numpy(weight.val) for name, weight in metadata.items() if name in names}
    assert len(found) == len(names)
    return found


@pytest.mark.parametrize(("precision", "channels", "values"), [("palette6", 32, 64), ("palette4", 2, 16)])
def test_a_palette_has_no_more_values_than_its_bits_hold_near_the_weights(
    packages: dict[str, Path], tiny: LIIF, precision: str, channels: int, values: int
) -> None:
    trained = FixedScaleLIIF(tiny, 2).hoisted.weight.detach()
    (found,) = [w for w in dense_weights(packages[precision]).values() if w.shape == trained.shape]
    for group, original in zip(found.split(channels), trained.split(channels), strict=True):
        assert values / 2 < len(group.unique()) <= values
        step = (original.max() - original.min()) / (values - 1)
        assert (group - original).square().mean().sqrt() < step


def test_indices_take_the_bits_that_their_precision_says(packages: dict[str, Path], tiny: LIIF) -> None:
    size = FixedScaleLIIF(tiny, 2).hoisted.weight.numel()
    name = "p_hoisted_weight_to_fp16_palettized"
    (op,) = [op for op in operations(packages["palette6"]) if op.outputs[0].name == name]
    (stored,) = op.attributes["indices"].type.tensorType.dimensions
    assert stored.constant.size == size * 6 // 8


def test_mixed_palettes_take_the_bits_and_the_values_that_each_layer_has(
    packages: dict[str, Path], tiny: LIIF, palettes_of: PalettesOf
) -> None:
    module = FixedScaleLIIF(tiny, 2)
    expected = palettes_of(module, MIXED)
    assert {palette.bits for palette in expected.values()} == {3, 8}
    stored = {
        op.outputs[0].name.removesuffix("_to_fp16_palettized"): op
        for op in operations(packages[MIXED])
        if op.type == "constexpr_lut_to_dense"
    }
    for path, palette in expected.items():
        weight = module.get_submodule(path).weight
        palettes = len(weight) // (palette.channels or len(weight))
        op = stored.pop(f"p_{path.replace('.', '_')}_weight")
        indices, values = (held(op, name) for name in ("indices", "lut"))
        assert indices == (f"UINT{palette.bits}", weight.numel())
        assert values == ("FLOAT16", palettes * 2**palette.bits)
    assert list(stored) == ["b_blend_kernel"]


def held(op: Any, name: str) -> tuple[str, int]:
    """The type and number of the elements of an operation's input."""
    from coremltools.proto import MIL_pb2

    found = op.inputs[name].arguments[0].value.type.tensorType
    return str(MIL_pb2.DataType.Name(found.dataType)), math.prod(d.constant.size for d in found.dimensions)


def test_a_module_of_other_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a weight of at most 64 values, found"):
        palettes = {"layer": PALETTES["palette6"]}
        module = nn.Sequential(OrderedDict(layer=nn.Linear(64, 64)))
        convert(module, {"x": (2, 64)}, "y", "palette6", tmp_path / "linear.mlpackage", palettes)


@pytest.mark.parametrize("precision", PALETTIZED)
def test_palettes_leave_a_buffer_the_values_that_it_has(
    packages: dict[str, Path], tiny: LIIF, precision: str
) -> None:
    kernel = FixedScaleLIIF(tiny, 2).blend_kernel
    (found,) = [w for w in dense_weights(packages[precision]).values() if w.shape == kernel.shape]
    torch.testing.assert_close(found.float(), kernel, rtol=0, atol=0)


def test_attributes_that_convolutions_share_are_stored_once(packages: dict[str, Path]) -> None:
    values = [
        op.attributes["val"].SerializeToString()
        for op in operations(packages["fp32"])
        if op.type == "const" and op.attributes["val"].immediateValue.tensor.HasField("ints")
    ]
    assert len(values) == len(set(values))


def test_fp16_changes_the_type_of_the_operations_and_not_their_number(packages: dict[str, Path]) -> None:
    counts = {p: Counter(op.type for op in operations(packages[p])) for p in ("fp32", "fp16")}
    assert counts["fp32"].pop("cast", 0) == 0
    assert counts["fp16"].pop("cast") == 2  # at the doors
    del counts["fp32"]["const"], counts["fp16"]["const"]  # the casts have a const each
    assert counts["fp16"] == counts["fp32"]


def test_temporary_packages_do_not_outlive_the_conversion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    convert(nn.Linear(64, 64), {"x": (2, 64)}, "y", "int8-weights", tmp_path / "linear.mlpackage")
    assert list(scratch.iterdir()) == []


def test_one_input_may_have_several_shapes(tmp_path: Path) -> None:
    path = tmp_path / "conv.mlpackage"
    convert(nn.Conv2d(3, 4, 3), {"x": [(1, 3, 8, 8), (1, 3, 12, 16)]}, "y", "fp32", path)
    (taken,) = read(path).description.input
    shapes = [tuple(s.shape) for s in taken.type.multiArrayType.enumeratedShapes.shapes]
    assert shapes == [(1, 3, 8, 8), (1, 3, 12, 16)]


def test_several_shapes_of_two_inputs_are_refused(tiny: LIIF, tmp_path: Path) -> None:
    inputs = {"rows": [(16, 32), (64, 32)], "coordinates": [(16, 4), (64, 4)]}
    with pytest.raises(BadInput, match="one input at most, found rows, coordinates"):
        convert(AnyScaleDecoder(tiny), inputs, "rgb", "fp32", tmp_path / "x.mlpackage")


def test_an_unknown_precision_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match="fp32, fp16, int8, int8-weights, palette6, palette4, palette-mixed, found 'int4'"
    ):
        convert(nn.Linear(2, 2), {"x": (1, 2)}, "y", "int4", tmp_path / "x.mlpackage")


def test_a_path_that_is_taken_or_no_package_is_refused(tmp_path: Path) -> None:
    taken = tmp_path / "taken.mlpackage"
    taken.mkdir()
    for path in (taken, tmp_path / "model.pte"):
        with pytest.raises(BadInput, match=r"new path ending in \.mlpackage"):
            convert(nn.Linear(2, 2), {"x": (1, 2)}, "y", "fp32", path)
    assert list(taken.iterdir()) == []
