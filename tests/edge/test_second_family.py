"""The whole arrow with a network that is no LIIF: a classifier of points, with a score of its own."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edge.backends.backend import RuntimeOptions
from edge.backends.table import load_program
from edge.card import ArtifactCard
from edge.card_reader import read_card_as
from edge.errors import ExportError
from edge.pipeline import build_artifact
from edge.recipe import Recipe
from edge.task import Build, Calibration, Measured
from models.arrays import Float
from models.family import Int8Rules, Method, Program, TensorSpec

POINTS = 64  # in a call of a program of one size
LEAST_AGREEMENT = 0.9
CLASSES = ("left", "right", "above", "below")


class Classifier(nn.Module):
    """(n, 3) coordinates to (n, 4) logits."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        widths = (3, 32, 16, len(CLASSES))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, points: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            points = layer(points).relu()
        return self.layers[-1](points)


class PointCard(ArtifactCard):
    """What an app needs to name a point's class."""

    classes: list[str]
    agreement: float | None


def cloud(seed: int) -> Float:
    return np.random.default_rng(seed).uniform(-1, 1, (POINTS, 3)).astype(np.float32)


@dataclass(frozen=True)
class Points:
    """``edge.task.Task`` of the classifier; ``truth``: the network that artifacts are compared with."""

    model: nn.Module
    truth: nn.Module

    family = "points"
    int8 = Int8Rules(float_layers=("layers.2",))
    fingerprint = 64 * "a"
    parameters = 1

    def program(self, variant: str, tile: int, max_tile: int, probes: bool = False) -> Program:
        points, logits = TensorSpec("points", ("n", 3), (-1.0, 1.0)), TensorSpec("logits", ("n", 4))
        method = Method("classify", self.model.eval(), (points,), logits, {"n": 4 * POINTS})
        return Program((method,), (), {"n": POINTS})

    def int8_form(self, program: Program, kept: Collection[str]) -> Program:
        return program

    def rare_samples(self) -> Sequence[Float]:
        return ()

    def inputs(
        self, program: Program, method: Method, samples: Sequence[Float]
    ) -> Iterator[tuple[Tensor, ...]]:
        return ((torch.from_numpy(sample),) for sample in samples)

    def calibration(self, folder: Path | None) -> Calibration:
        extremes = [np.full((POINTS, 3), value, np.float32) for value in (-1, 1)]
        return Calibration([cloud(n) for n in range(4)], extremes, [], f"clouds of {POINTS}", "a generator")

    def card(self, base: ArtifactCard, variant: str, program: Program, recipe: Recipe) -> PointCard:
        return PointCard(**dict(base), classes=list(CLASSES), agreement=None)

    def measure(self, folder: Path) -> Measured:
        card = read_card_as(PointCard, folder)
        logits = classify(folder, cloud(99))
        with torch.no_grad():
            expected = self.truth(torch.from_numpy(cloud(99))).numpy()
        agreement = float((logits.argmax(1) == expected.argmax(1)).mean())
        failures = [] if agreement >= LEAST_AGREEMENT else [f"expected {LEAST_AGREEMENT}, found {agreement}"]
        return Measured(
            failures, card.model_copy(update={"agreement": agreement}), f"{agreement:.0%} of labels agree"
        )


def classify(folder: Path, points: Float) -> Float:
    program = load_program(folder, read_card_as(PointCard, folder), RuntimeOptions("fp16"))
    return program.run("classify", {"points": points})


def build(precision: str, target: str, truth: nn.Module | None = None) -> Build:
    model = Classifier()
    return Build(Points(model, truth or model), "flat", precision, target, Recipe(()))


@pytest.mark.parametrize(
    ("precision", "target"),
    [
        ("fp32", "xnnpack"),
        ("int8", "xnnpack"),
        ("int8-dynamic", "xnnpack"),
        ("fp16", "coreml"),
        ("int8", "coreml"),
        ("int8", "coreml-pte"),
    ],
)
def test_another_family_is_compressed_exported_loaded_and_checked(tmp_path, precision, target):
    notes: list[str] = []
    made = build(precision, target)
    folder = build_artifact(made, tmp_path / made.name, log=notes.append)
    card = read_card_as(PointCard, folder)
    assert folder.name == card.name == f"points-flat-{precision}-{target}"
    assert card.classes == list(CLASSES)
    assert card.agreement >= LEAST_AGREEMENT
    assert "labels agree" in notes[-1]
    if precision.startswith("int8"):
        assert card.quantisation.quantised_layers == 2
        assert card.quantisation.float_layers == ["layers.2"]
        assert card.quantisation.calibration == "4 clouds of 64 from a generator"
    else:
        assert card.quantisation is None


def test_its_int8_rounds(tmp_path):
    made = build("int8", "xnnpack")
    folder = build_artifact(made, tmp_path / made.name)
    with torch.no_grad():
        exact = made.network.model(torch.from_numpy(cloud(5))).numpy()
    off = np.abs(classify(folder, cloud(5)) - exact).max()
    assert 1e-4 < off < 0.1


def test_a_program_of_another_family_that_misses_its_own_limit_is_not_kept(tmp_path):
    truth = Classifier()
    with torch.no_grad():
        truth.layers[-1].weight.neg_()
        truth.layers[-1].bias.neg_()
    with pytest.raises(ExportError, match=r"points-flat-fp32-xnnpack differs from fp32: expected 0\.9"):
        build_artifact(build("fp32", "xnnpack", truth), tmp_path / "artifact")
    assert list(tmp_path.iterdir()) == []
