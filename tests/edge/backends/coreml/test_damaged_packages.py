"""The interpreter refuses damaged packages and wrong inputs, or computes other numbers."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mil_packages import MODEL, SHAPE, WEIGHTS, Converted, operations, parse, pixels

from edge.backends.coreml.mil_interpreter import MILProgram
from edge.errors import BadArtifact


@pytest.fixture
def damaged(fixed: Converted, tmp_path: Path) -> Path:
    """A copy of a good fp16 package, for a test to damage."""
    return shutil.copytree(fixed.package("fp16"), tmp_path / "damaged.mlpackage")


def test_an_error_is_one_line_whatever_the_package_says(damaged: Path) -> None:
    model = parse(damaged)
    operations(model)[-1].type = "two\nlines"
    (damaged / MODEL).write_bytes(model.SerializeToString())
    with pytest.raises(BadArtifact, match=r"found two$"):
        MILProgram(damaged)


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
