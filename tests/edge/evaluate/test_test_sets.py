"""Test sets are read as pairs or as HR pictures alone, and scored by every method."""

import math

import numpy as np
import pytest
from PIL import Image

from edge.check.built_in import measure
from edge.errors import BadInput
from edge.evaluate.test_sets import (
    Evaluation,
    Score,
    evaluate,
    evaluation_of,
    find_pairs,
    read_pair,
    run_pictures,
)
from edge.images.pictures import resize_bicubic
from edge.images.pixels import to_float
from edge.precisions import NUMERICS
from edge.run.artifact import Artifact
from models.drawings import draw_sheet


def save(path, height: int, width: int, seed: int = 5) -> np.ndarray:
    """A drawn picture, and what reading it gives: (3, H, W)."""
    sheet = draw_sheet(height, width, seed)
    Image.fromarray(sheet).save(path)
    return to_float(np.ascontiguousarray(sheet.transpose(2, 0, 1)))


def save_pair(folder, name: str, scale: int) -> None:
    hr = save(folder / f"{name}_HR.png", 48, 64)
    lr = resize_bicubic(hr, (48 // scale, 64 // scale))
    Image.fromarray((lr.transpose(1, 2, 0) * 255).round().astype(np.uint8)).save(folder / f"{name}_LR.png")


def test_pairs_are_found_by_name_and_by_scale(tmp_path):
    for name in ("b_SRF_2", "a_SRF_2", "a_SRF_3"):
        save_pair(tmp_path, name, int(name[-1]))
    (tmp_path / "readme.txt").write_text("no picture")
    names = [(hr.name, lr.name) for hr, lr in find_pairs(tmp_path, 2)]
    assert names == [("a_SRF_2_HR.png", "a_SRF_2_LR.png"), ("b_SRF_2_HR.png", "b_SRF_2_LR.png")]
    assert [hr.name for hr, _ in find_pairs(tmp_path, 3)] == ["a_SRF_3_HR.png"]


def test_pairs_whose_names_say_no_scale_are_of_any(tmp_path):
    save_pair(tmp_path, "a", 2)
    ((hr, lr),) = find_pairs(tmp_path, 2)
    assert (hr.name, lr.name) == ("a_HR.png", "a_LR.png")


def test_pictures_without_such_names_are_hr_alone(tmp_path):
    for name in ("b.jpg", "a.png"):
        save(tmp_path / name, 40, 40)
    assert [(hr.name, lr) for hr, lr in find_pairs(tmp_path, 2)] == [("a.png", None), ("b.jpg", None)]


def test_an_hr_without_its_lr_is_named(tmp_path):
    save_pair(tmp_path, "a", 2)
    save(tmp_path / "b_HR.png", 40, 40)
    with pytest.raises(BadInput, match=r"expected b_LR beside b_HR\.png, found none"):
        find_pairs(tmp_path, 2)


def test_pairs_of_other_scales_only_are_said(tmp_path):
    save_pair(tmp_path, "a_SRF_3", 3)
    with pytest.raises(BadInput, match="found none at ×2"):
        find_pairs(tmp_path, 2)


def test_lr_pictures_alone_are_no_test_set(tmp_path):
    save(tmp_path / "a_LR.png", 40, 40)
    with pytest.raises(BadInput, match="expected pairs"):
        find_pairs(tmp_path, 2)


def test_a_folder_without_pictures_and_no_folder_are_refused(tmp_path):
    with pytest.raises(BadInput, match="found none"):
        find_pairs(tmp_path, 2)
    with pytest.raises(BadInput, match="found nothing there"):
        find_pairs(tmp_path / "gone", 2)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_hr_alone_is_cut_to_the_scale_and_its_lr_is_pillows_bicubic(tmp_path, scale):
    hr = save(tmp_path / "a.png", 50, 67)
    pair = read_pair(tmp_path / "a.png", None, scale)
    height, width = 50 // scale * scale, 67 // scale * scale
    assert pair.name == "a"
    assert np.array_equal(pair.hr, hr[:, :height, :width])
    image = Image.fromarray(draw_sheet(50, 67, 5)[:height, :width])
    lr = np.asarray(image.resize((width // scale, height // scale), Image.Resampling.BICUBIC))
    assert np.array_equal(pair.lr, to_float(lr).transpose(2, 0, 1))


def test_a_pair_is_read_with_its_own_lr(tmp_path):
    save_pair(tmp_path, "a_SRF_2", 2)
    lr = save(tmp_path / "a_SRF_2_LR.png", 24, 32, seed=9)
    pair = read_pair(*find_pairs(tmp_path, 2)[0], 2)
    assert pair.name == "a_SRF_2"
    assert np.array_equal(pair.lr, lr)


def test_an_lr_of_another_size_is_refused_with_both_sizes(tmp_path):
    save_pair(tmp_path, "a", 2)
    save(tmp_path / "a_LR.png", 24, 31)
    with pytest.raises(BadInput, match="expected 32x24 pixels, 1/2 of its HR, found 31x24"):
        read_pair(*find_pairs(tmp_path, 2)[0], 2)


def test_a_picture_too_small_for_ssim_is_refused(tmp_path):
    save(tmp_path / "a.png", 33, 31)
    with pytest.raises(BadInput, match="expected at least 32 pixels a side, found 30x33"):
        read_pair(tmp_path / "a.png", None, 3)


def test_every_method_is_scored_on_every_picture(tiny, tmp_path):
    for name in ("a", "b"):
        save(tmp_path / f"{name}.png", 50, 64, seed=ord(name))
    artifact = Artifact.open(tiny.artifact(2, "fp32"))
    work = run_pictures(artifact, tiny.model, tmp_path, 2)
    measured = list(work)
    assert len(work) == len(measured) == 3  # the page of pure colours, too
    result = evaluation_of(measured, artifact)
    assert result.names == ("a", "b")
    assert list(result.scores) == ["artifact", "fp32", "bicubic"]
    assert result.mean("artifact").psnr_y == pytest.approx(result.mean("fp32").psnr_y, abs=1e-3)
    mean = sum(s.psnr_y for s in result.scores["bicubic"]) / 2
    assert result.mean("bicubic").psnr_y == pytest.approx(mean)
    # An untrained network is no match for bicubic.
    assert result.mean("bicubic").psnr_y > result.mean("fp32").psnr_y + 3
    assert result.mean("bicubic").ssim > result.mean("fp32").ssim


def test_the_worst_picture_is_named_and_so_is_the_one_that_loses_most():
    fp32 = (Score(30, 0.9), Score(40, 0.9), Score(math.inf, 1))
    artifact = (Score(29.9, 0.9), Score(39, 0.9), Score(math.inf, 1))
    result = Evaluation(("low", "lost", "equal"), {"artifact": artifact, "fp32": fp32})
    assert result.worst("artifact") == ("low", artifact[0])
    assert result.largest_loss() == ("lost", 1)
    broken = (*artifact[:2], Score(math.nan, math.nan))
    result = Evaluation(("low", "lost", "broken"), {"artifact": broken, "fp32": fp32})
    assert result.worst("artifact")[0] == result.largest_loss()[0] == "broken"


def test_areas_are_compared_with_fp32_on_every_picture_and_on_pure_colours(tiny, tmp_path):
    for name in ("a", "b"):
        save(tmp_path / f"{name}.png", 50, 64, seed=ord(name))
    artifact = Artifact.open(tiny.artifact(2, "int8"))
    distance = evaluate(artifact, tiny.model, tmp_path, 2).distance
    assert [c.name for c in distance.comparisons] == ["a", "b", "pure colours"]
    assert distance.comparisons[-1] == measure(artifact, tiny.model).comparisons[-1]
    assert distance.threshold == NUMERICS["int8"].threshold


def test_columns_can_be_left_out(tiny, tmp_path):
    save(tmp_path / "a.png", 40, 40)
    assert len(run_pictures(None, tiny.model, tmp_path, 3, with_fp32=False)) == 1
    result = evaluate(None, tiny.model, tmp_path, 3, with_fp32=False)
    assert list(result.scores) == ["bicubic"]
    assert result.distance is None


def test_an_any_scale_artifact_is_scored_at_every_scale(tiny, tmp_path):
    save(tmp_path / "a.png", 48, 48)
    artifact = Artifact.open(tiny.artifact("any", "fp32"))
    for scale in (2, 4):
        result = evaluate(artifact, tiny.model, tmp_path, scale)
        assert result.mean("artifact").psnr_y == pytest.approx(result.mean("fp32").psnr_y, abs=1e-2)
