from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from studies import findings_of, job_of, point_of

from edge.backends.table import BACKENDS
from edge.precisions import MIXED
from edge.tune.candidate import Candidate
from edge.tune.report import COLOURS, commands_of, reasons, render_plot, rows_of, worst_rows_of, write_recipes
from edge.tune.search import Findings


def test_the_plot_shows_every_point_and_numbers_the_front(checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path, by="time", precisions=("fp32", "int8"), max_loss=0.05)
    front = (point_of(40, 0.04, 500.0), point_of(90, 0.01, 1500.0, local_ensemble=False))
    beside = (point_of(100, 0.0, 5000.0, precision="fp32"),)
    root = ElementTree.fromstring(render_plot(job, findings_of(*front, beside=beside)))
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sum("local ensemble" in title for title in titles) == 3
    line = root.find(".//{http://www.w3.org/2000/svg}polyline").get("points")
    (x1, y1), (x2, y2) = (map(float, pair.split(",")) for pair in line.split())
    assert x1 < x2 and y1 < y2  # cheaper on the left; the larger loss above, where y is less
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "1" in texts and "2" in texts and "3" not in texts


def test_numbers_of_points_that_are_close_do_not_cover_each_other(checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path, by="time", max_loss=0.05)
    front = [point_of(number, 0.01, ms) for number, ms in ((40, 500.0), (41, 501.0), (90, 900.0))]
    root = ElementTree.fromstring(render_plot(job, findings_of(*front)))
    numbers = root.findall(".//{http://www.w3.org/2000/svg}text[@x='0']")
    heights = {element.text: float(element.get("y")) for element in numbers}
    assert heights["1"] == heights["3"] < 0 < heights["2"]


@pytest.mark.parametrize(
    ("target", "precision"), [(t, p) for t, ps in BACKENDS.items() for p in ps.precisions if p != MIXED]
)
def test_every_precision_of_a_target_has_a_colour_of_its_own(checkpoint, tmp_path, target, precision):
    job = job_of(checkpoint, tmp_path, target=target, precisions=(precision,))
    points = [point_of(40, 0.0, 500.0), point_of(60, 0.01, 400.0)]
    points = [replace(p, candidate=replace(p.candidate, precision=precision)) for p in points]
    plot = render_plot(job, findings_of(*points))
    number = BACKENDS[target].precisions.index(precision)
    assert [colour in plot for colour in COLOURS] == [n == number for n in range(len(COLOURS))]


def test_one_point_is_a_plot_too(checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path, by="time", max_loss=0.0)
    assert "polyline" in render_plot(job, findings_of(point_of(40, 0.0, 500.0)))


def test_rows_of_the_worst_cases_are_numbered_like_those_of_the_front():
    points = [point_of(40, 0.0, None), point_of(50, 0.0, None)]
    assert worst_rows_of(points) == [["1", "0.100", "a", "1.50", "0.50"], ["2", "0.100", "a", "1.50", "0.50"]]
    assert [row[0] for row in rows_of(points)] == ["1", "2"]


def test_a_program_that_left_its_thresholds_is_named_with_the_reason():
    candidate = Candidate(50, 80, False, "int8")
    error = "differs from fp32: pure colours: expected flat areas within 2 of 255, found 9.31"
    found = Findings((), (), over=((candidate, 0.3),), failed=((candidate, error),))
    assert reasons(found) == [f"not on the front: {candidate}: {error}"]


def test_rows_of_interpreted_packages_have_no_time():
    assert rows_of([point_of(40, 0.0, None)])[0][-1] == "-"


def test_an_earlier_front_is_replaced(model, importance, checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path)
    for encoder in (100, 80):
        point = replace(point_of(encoder, 0.0, 1.0), candidate=Candidate(encoder, 100, False, "fp32"))
        folder = write_recipes(job, model, importance, [point])
    names = {path.name for path in folder.iterdir()}
    assert names == {"e80-d100-single-fp32.safetensors", "e80-d100-single-fp32.toml", "original.safetensors"}
    assert list(tmp_path.iterdir()) == [folder]


def test_commands_name_what_was_measured(checkpoint):
    job = job_of(checkpoint, Path("a b"), data=Path("photos"), calibration=Path("calm"), scale=3)
    train, build = commands_of(job, point_of(40, 0.0, 1.0))
    assert train == "liif-edge train 'a b/front/e40-d80-int8.toml' --data photos"
    assert build.endswith(
        "--scale 3 --precision int8 --target xnnpack --out dist/e40-d80-int8 --calibration calm"
    )
