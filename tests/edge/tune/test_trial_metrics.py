from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from edge.backends.table import BACKENDS
from edge.card_reader import read_card
from edge.errors import BadInput
from edge.evaluate.test_sets import Pair
from edge.images.pictures import PHOTOGRAPHS, built_in_pictures
from edge.recipe import Recipe
from edge.run.artifact import Artifact
from edge.tune import trial_metrics as evaluator
from edge.tune.trial_metrics import Evaluator, measured_pairs, tile_of, time_beside
from models import FixedScaleLIIF
from models.drawings import draw_sheet
from models.liif.reference import fp32_picture


@pytest.mark.parametrize("target", BACKENDS)
def test_a_candidate_is_measured_with_a_tile_that_a_recipe_takes(target):
    Recipe((), tile=tile_of(target))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_built_in_pictures_measure_what_they_neither_calibrated_nor_ranked(scale):
    pairs = measured_pairs(None, scale)
    assert not set(evaluator.HELD_OUT_PHOTOGRAPHS) & set(PHOTOGRAPHS)
    others = [picture.tobytes() for picture in built_in_pictures()]
    assert not any(pair.hr.tobytes() in others for pair in pairs)
    for pair in pairs:
        assert pair.hr.shape[1:] == tuple(scale * side for side in pair.lr.shape[1:])
        assert all(64 <= side <= 128 for side in pair.lr.shape[1:])


def test_own_pictures_are_cut_to_their_middles_and_refused_if_small(tmp_path):
    sheet = draw_sheet(400, 300, 0)
    Image.fromarray(sheet).save(tmp_path / "large.png")
    (pair,) = measured_pairs([tmp_path / "large.png"], 2)
    middle = sheet[72:328, 22:278].transpose(2, 0, 1)
    np.testing.assert_allclose(pair.hr, middle / np.float32(255), atol=1e-6)
    Image.fromarray(sheet[:100]).save(tmp_path / "small.png")
    with pytest.raises(BadInput, match=r"small\.png: expected at least 128 pixels a side, found 300x100"):
        measured_pairs([tmp_path / "small.png"], 2)


class Sleeper:
    """A program that takes ``seconds``, and more from turn to turn, by a clock of its own."""

    def __init__(self, seconds, now):
        self.about, self.seconds, self.now = {}, seconds, now

    def run(self, method, inputs):
        self.now["turn"] += 1
        self.now["time"] += self.seconds * (1 + self.now["turn"] // 2)
        return inputs["lr"]


def test_time_is_a_ratio_of_turns_which_noise_of_the_machine_does_not_change(tiny, monkeypatch):
    now = {"time": 0.0, "turn": -1}
    monkeypatch.setattr(evaluator.time, "perf_counter", lambda: now["time"])
    card = read_card(tiny.artifact(2, "fp32"))
    reference, quick = (Artifact(card, Sleeper(seconds, now)) for seconds in (2.0, 0.5))
    time = time_beside(reference, quick)
    assert time.share == pytest.approx(0.25)
    assert time.reference_ms == pytest.approx(1000 * 5 * 2.0 / (64 * 64 / 1e6))  # of turns 1 to 7, after 0


class Meddled:
    """The network in PyTorch, but for bright pictures, which get noise, and pure blue, which gets red."""

    about: ClassVar = {"device": "PyTorch"}

    def __init__(self, model):
        self.form = FixedScaleLIIF(model, 2)

    def run(self, method, inputs):
        lr = inputs["lr"].copy()
        with torch.no_grad():
            made = self.form(torch.from_numpy(lr)).numpy()
        if lr.mean() > 0.6:
            made = made + np.random.default_rng(0).normal(0, 0.02, made.shape).astype(np.float32)
        blue = (lr[0] == np.float32([0, 0, 1])[:, None, None]).all(0).repeat(2, axis=0).repeat(2, axis=1)
        made[0, 0] += np.float32(4 / 255) * blue
        return made


def test_the_worst_are_the_picture_that_loses_most_and_areas_of_the_page_of_pure_colours(tiny):
    rng = np.random.default_rng(1)
    lows = {name: (least + 0.2 * rng.random((3, 32, 32))) for name, least in (("dark", 0.1), ("bright", 0.7))}
    pairs = [
        Pair(name, lr.astype(np.float32), np.zeros((3, 64, 64), np.float32)) for name, lr in lows.items()
    ]
    near = 0.01 * rng.standard_normal((3, 64, 64)).astype(np.float32)
    pairs = [replace(pair, hr=fp32_picture(tiny.model, pair.lr, (64, 64)) + near) for pair in pairs]
    card = read_card(tiny.artifact(2, "fp32"))
    measured = Evaluator(tiny.model, pairs, None).measure(Artifact(card, Meddled(tiny.model)))
    assert measured.worst.picture == "bright"
    assert measured.worst.loss == pytest.approx(2 * measured.loss, abs=1e-3) and measured.loss > 0.5
    assert measured.worst.flat == pytest.approx(4, abs=0.01) and measured.worst.block >= measured.worst.flat
