"""``liif-edge sample``: the sample picture, alone and beside what an artifact makes of it."""

import numpy as np
from command_line import Outcome, assert_refused
from PIL import Image

from edge.images.pixels import to_float


def test_sample_draws_the_sample_picture(run, tmp_path):
    assert run("sample", tmp_path / "a.png").code == 0
    assert Image.open(tmp_path / "a.png").size == (360, 240)
    assert_refused(run("sample", tmp_path / "a.png"), "--force replaces it")


def test_sample_compares_bicubic_with_an_artifact_side_by_side(run, tiny, tmp_path):
    outcome = run("sample", tmp_path / "a.png", "--compare", tiny.artifact(2, "fp32"))
    both = to_float(np.asarray(Image.open(tmp_path / "a.png")))
    height, width, _ = both.shape
    assert outcome == Outcome(0, f"{tmp_path / 'a.png'}: {width}x{height}\n", "")
    assert (both[:, width // 2] == 1).all()  # the gap
    assert both[:, : width // 3].std() > both[:, -width // 3 :].std() > 0.02  # untrained: paler
