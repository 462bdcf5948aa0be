"""``liif-edge`` eval and bench: scores on test pictures, on drawn pages, and times."""

import sys
from pathlib import Path

import pytest
from command_line import (
    assert_refused,
    joined,
    listing,
)
from PIL import Image

from edge.evaluate import detail_score as details
from edge.evaluate import text_pages
from edge.evaluate.ocr import missing_ocr
from models.drawings import draw_sheet


@pytest.fixture
def test_set(tmp_path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for seed in (1, 2):
        Image.fromarray(draw_sheet(48, 64, seed)).save(folder / f"{seed}.png")
    return folder


def test_eval_compares_the_artifact_with_fp32_and_bicubic(run, tiny, test_set):
    outcome = run("eval", tiny.artifact(2, "int8"), "--data", test_set, "--checkpoint", tiny.checkpoint)
    assert (outcome.code, outcome.err) == (0, "")
    assert "set, ×2, 2 images, liif-x2-int8-xnnpack" in outcome.out
    for text in ("PSNR-Y (dB)", "SSIM-Y", "artifact", "fp32", "bicubic", "+0.000"):
        assert text in outcome.out
    for text in ("lowest PSNR-Y", "PSNR-Y drop", "block of 16x16", "flat area", "pure colours", "≤ 3"):
        assert text in outcome.out


@pytest.mark.parametrize(
    ("spec", "options"), [((2, "int8"), ()), (("any", "fp32"), ("--scale", "3"))], ids=joined
)
def test_eval_for_machines_has_means_and_every_image(run, tiny, test_set, spec, options):
    arguments = ("--data", test_set, "--checkpoint", tiny.checkpoint, "--json", *options)
    outcome = run("eval", tiny.artifact(*spec), *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    measured = {"artifact", "fp32", "bicubic", "images"}
    assert set(report) == measured | {"lowest", "largest_loss", "worst"}
    for method in ("artifact", "fp32", "bicubic"):
        assert set(report[method]) == {"psnr_y", "ssim"}
        values = [image[method]["psnr_y"] for image in report["images"]]
        assert report[method]["psnr_y"] == pytest.approx(sum(values) / 2)
        lowest = min(report["images"], key=lambda image: image[method]["psnr_y"])
        assert report["lowest"][method] == {"name": lowest["name"], **lowest[method]}
    assert [image["name"] for image in report["images"]] == ["1", "2"]
    losses = {i["name"]: i["fp32"]["psnr_y"] - i["artifact"]["psnr_y"] for i in report["images"]}
    assert report["largest_loss"] == {"name": max(losses, key=losses.get), "psnr_y": max(losses.values())}
    assert [case["measure"] for case in report["worst"]] == ["picture", "block", "flat"]
    assert {case["name"] for case in report["worst"]} <= {"1", "2", "pure colours"}


def test_eval_for_machines_writes_null_where_pictures_are_equal(run, tiny, tmp_path):
    (tmp_path / "set").mkdir()
    Image.new("RGB", (40, 40), (255, 255, 255)).save(tmp_path / "set" / "white.png")
    options = ("--data", tmp_path / "set", "--checkpoint", tiny.checkpoint, "--json")
    outcome = run("eval", tiny.artifact(2, "fp32"), *options)
    assert outcome.code == 0, outcome
    assert outcome.json["bicubic"]["psnr_y"] is None
    assert outcome.json["bicubic"]["ssim"] == 1
    assert outcome.json["artifact"]["psnr_y"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scale", "3"), "expected --scale 2, the artifact's, found 3"),
        ((), "expected --checkpoint to be the artifact's, "),
        (("--data", "gone"), "expected a folder of pictures"),
    ],
    ids=joined,
)
def test_eval_refuses_what_does_not_fit(run, tiny, test_set, options, words):
    checkpoint = () if not options else ("--checkpoint", tiny.checkpoint)
    arguments = ("--data", test_set, *checkpoint, *options)
    assert_refused(run("eval", tiny.artifact(2, "fp32"), *arguments), words)


@pytest.fixture
def one_page_of_text(monkeypatch):
    monkeypatch.setattr(details, "TEXT_SIZES", (10,))


@pytest.mark.skipif(missing_ocr() is not None, reason=f"NOT TESTED: legibility; {missing_ocr()}")
def test_eval_scores_details_and_saves_what_it_looked_at(run, tiny, one_page_of_text, tmp_path):
    options = ("--details", "--save", tmp_path / "pages", "--checkpoint", tiny.checkpoint)
    outcome = run("eval", tiny.artifact(2, "int8"), *options)
    assert (outcome.code, outcome.err) == (0, "")
    for words in (
        "text, ×2, liif-x2-int8-xnnpack",
        "icons, ×2",
        "flat parts (dB)",
        "GMSD",
        "misread (%)",
        "hr",
    ):
        assert words in outcome.out
    expected = {
        f"{page}-{method}.png"
        for page in ("text-10px", "icons")
        for method in ("lr", "hr", "artifact", "fp32", "bicubic")
    }
    assert {path.name for path in (tmp_path / "pages").iterdir()} == expected
    assert set(listing(tmp_path)) == {"pages", *(f"pages/{name}" for name in expected)}


def test_eval_without_tesseract_scores_the_rest_and_says_so(
    run, tiny, one_page_of_text, monkeypatch, tmp_path
):
    pytest.importorskip("pytesseract", reason="NOT TESTED: a missing tesseract; no pytesseract here")
    monkeypatch.setenv("PATH", str(tmp_path))
    options = ("--details", "--scale", "3", "--checkpoint", tiny.checkpoint)
    outcome = run("eval", tiny.artifact("any", "fp32"), *options, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    for kind in ("text", "icons"):
        assert list(report[kind]) == ["artifact", "fp32", "bicubic"]
        assert set(report[kind]["artifact"]) == {"edges_db", "flat_db", "gmsd"}
    assert report["scale"] == 3
    assert report["cer"] is None
    assert report["cer_missing"] == "found no tesseract; apt-get install tesseract-ocr"
    assert report["readings"] == []
    outcome = run("eval", tiny.artifact("any", "fp32"), *options)
    assert outcome.out.count("flat parts (dB)") == 2
    assert outcome.out.endswith(
        "characters misread: not measured, found no tesseract; apt-get install tesseract-ocr\n"
    )


@pytest.mark.skipif(missing_ocr() is not None, reason=f"NOT TESTED: legibility; {missing_ocr()}")
def test_eval_reads_variants_of_the_pages_and_tells_fonts_apart(run, tiny, monkeypatch):
    monkeypatch.setattr(details, "TEXT_SIZES", (8,))
    fonts = text_pages.MORE_FONTS[:2]
    monkeypatch.setattr(details, "VARIANTS", {"fonts": (fonts, details.BICUBIC), "box": (fonts, details.BOX)})
    options = ("--details", "--checkpoint", tiny.checkpoint, "--json")
    report = run("eval", tiny.artifact(2, "fp32"), *options).json
    for kind in ("fonts", "box"):
        assert list(report[kind]) == ["artifact", "fp32", "bicubic"]
        assert list(report["cer_variants"][kind]["hr"]) == ["8", "all"]
        assert {r["font"] for r in report["readings_variants"][kind]} == {p.font for p in fonts}
    assert {r["font"] for r in report["readings"]} == {p.font for p in text_pages.PARAGRAPHS}
    found = report["cer_fonts"]["8"]["bicubic"]
    assert set(found) == {"mean", "worst", "worst_font", "worse_than_bicubic"}
    assert 0 <= found["mean"] <= found["worst"] and found["worse_than_bicubic"] == []
    rates = [
        reading["errors"] / len(reading["truth"])
        for reading in (*report["readings"], *report["readings_variants"]["fonts"])
        if reading["method"] == "bicubic"
    ]
    assert found["mean"] == pytest.approx(sum(rates) / len(rates))


def test_eval_without_the_fonts_says_how_to_get_them_and_writes_nothing(run, tiny, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    options = ("--details", "--save", tmp_path / "pages", "--checkpoint", tiny.checkpoint)
    outcome = run("eval", tiny.artifact(2, "fp32"), *options)
    assert (outcome.code, outcome.out) == (3, "")
    assert "pip install 'liif-edge[details]'" in outcome.err
    assert listing(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "one of the arguments --data --details is required"),
        (("--details", "--data", "set"), "not allowed with argument"),
        (("--data", "set", "--save", "pages"), "expected --details with --save, found --data"),
        (("--details", "--save", "."), "expected a new folder, found something there"),
    ],
    ids=joined,
)
def test_eval_measures_one_thing_and_saves_into_a_new_folder(run, tiny, options, words):
    outcome = run("eval", tiny.artifact(2, "fp32"), "--checkpoint", tiny.checkpoint, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err


@pytest.mark.parametrize("options", [("--tile", "0"), ("--tile", "257"), ("--repeats", "0")], ids=joined)
def test_bench_refuses_nothing_and_too_much(run, cached, options):
    assert_refused(run("bench", "--checkpoint", cached, "--json", *options), "expected")


def test_eval_on_degraded_pictures_has_a_row_for_every_way_and_its_gain(run, tiny, test_set):
    options = ["--data", test_set, "--checkpoint", tiny.checkpoint, "--degraded"]
    outcome = run("eval", tiny.artifact(2, "int8"), *options, "--json")
    assert outcome.code == 0
    report = outcome.json
    assert [row["lr"] for row in report["ways"]][::7] == ["bicubic, PNG", "bicubic, JPEG 30"]
    assert len(report["ways"]) == 8
    by_name = {row["lr"]: row["bicubic"]["psnr_y"] for row in report["ways"]}
    jpeg = [by_name[f"bicubic, JPEG {quality}"] for quality in (95, 85, 75, 50, 30)]
    assert jpeg == sorted(jpeg, reverse=True)
    assert all(row["smallest_gain"]["name"] in report["images"] for row in report["ways"])
    printed = run("eval", tiny.artifact(2, "int8"), *options)
    assert "lanczos, JPEG 85" in printed.out and "gain (dB)" in printed.out


def test_eval_degrades_pictures_of_a_folder_alone(run, tiny):
    options = ["--details", "--degraded", "--checkpoint", tiny.checkpoint]
    assert_refused(run("eval", tiny.artifact(2, "fp32"), *options), "expected --data with --degraded")
