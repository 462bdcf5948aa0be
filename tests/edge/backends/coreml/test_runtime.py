"""Core ML's own prediction: on macOS it is run, elsewhere it says what it needs."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edge.backends.coreml.export import convert
from edge.backends.coreml.runtime import CoreMLProgram, check_inputs
from edge.errors import BadArtifact, MissingDependency

ONE = {"x": [(1, 2)]}


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML predicts here")
def test_without_macos_it_says_so_and_names_the_interpreter(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match=r"macOS only.*MILProgram"):
        CoreMLProgram(tmp_path / "x.mlpackage")


@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML predicts on macOS only")
def test_on_macos_it_predicts_what_pytorch_computes(tmp_path: Path) -> None:
    path, x = tmp_path / "linear.mlpackage", torch.rand(2, 64)
    module = nn.Linear(64, 8)
    convert(module, {"x": (2, 64)}, "y", "fp32", path)
    program = CoreMLProgram(path, "cpu-only")
    assert program.input_shapes == {"x": (2, 64)}
    np.testing.assert_allclose(program.run({"x": x.numpy()})["y"], module(x).detach(), atol=1e-4)


def test_unknown_compute_units_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match="all, cpu-only, cpu-and-gpu, cpu-and-ne, found 'gpu'"):
        CoreMLProgram(tmp_path / "x.mlpackage", "gpu")


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"x": np.zeros((2, 2), np.float32)},
        {"x": np.zeros((1, 2), np.float64)},
        {"x": np.zeros((1, 2), np.float32), "y": np.zeros((1, 2), np.float32)},
        {"y": np.zeros((1, 2), np.float32)},
    ],
    ids=["none", "misshapen", "float64", "one more", "another"],
)
def test_inputs_other_than_the_programs_are_refused(inputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(BadArtifact, match=r"expected inputs x \(1, 2\) float32; found"):
        check_inputs(Path("x.mlpackage"), inputs, ONE)


def test_any_of_a_programs_several_shapes_is_accepted() -> None:
    for shape in [(1, 2), (1, 4)]:
        check_inputs(Path("x.mlpackage"), {"x": np.zeros(shape, np.float32)}, {"x": [(1, 2), (1, 4)]})
