"""Which files become which: trees are kept, links end, and no two pictures meet in one file."""

import os
import sys
from pathlib import Path

import pytest
from image_files import unprivileged

from edge.errors import BadInput
from edge.jobs.plan import NAME_WITH_SCALE, Naming, plan_jobs
from edge.run.target import ByFactor, ToSize

TWICE = (ByFactor(),)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Paths are relative to a folder of the test's own. Contents are no matter: names are."""
    monkeypatch.chdir(tmp_path)


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def pairs(*inputs: str, naming: Naming | None = None) -> list[tuple[str, str]]:
    jobs = plan_jobs([Path(each) for each in inputs], Path("out"), TWICE, naming or Naming()).jobs
    return [(str(job.source), str(job.output)) for job in jobs]


def test_a_tree_of_pictures_is_kept_by_name():
    make("in/b.png", "in/a.JPG", "in/sub/deep/c.webp", "in/sub/d.avif", "in/notes.txt")
    assert pairs("in") == [
        ("in/a.JPG", "out/a.JPG"),
        ("in/b.png", "out/b.png"),
        ("in/sub/d.avif", "out/sub/d.avif"),
        ("in/sub/deep/c.webp", "out/sub/deep/c.webp"),
    ]


def test_files_and_folders_come_together_in_one_folder():
    make("x/a.png", "y/b.png", "in/c.png")
    assert pairs("x/a.png", "y/b.png", "in") == [
        ("x/a.png", "out/a.png"),
        ("y/b.png", "out/b.png"),
        ("in/c.png", "out/c.png"),
    ]


def test_photographs_that_cannot_be_read_are_not_passed_over():
    make("in/a.HEIC", "in/b.jxl")
    assert pairs("in") == [("in/a.HEIC", "out/a.png"), ("in/b.jxl", "out/b.png")]


def test_formats_that_are_only_read_become_png():
    make("in/a.gif", "in/b.bmp")
    assert [output for _, output in pairs("in")] == ["out/a.png", "out/b.png"]
    naming = Naming(suffix=".webp")
    assert [output for _, output in pairs("in", naming=naming)] == ["out/a.webp", "out/b.webp"]


@pytest.mark.parametrize("name", ["Größe ×2", "雪", "صورة", "a b", "[x]", "{stem}", "%s", "-name", "*", "🙂"])
def test_names_in_any_script_are_kept(name):
    make(f"in/{name}/{name}.png")
    assert pairs("in") == [(f"in/{name}/{name}.png", f"out/{name}/{name}.png")]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has only names that are text")
def test_names_that_are_no_text_are_kept():
    make(os.fsdecode(b"in/\xff.png"))
    assert pairs("in") == [(os.fsdecode(b"in/\xff.png"), os.fsdecode(b"out/\xff.png"))]


def test_hidden_files_and_folders_are_left_out():
    make("in/a.png", "in/._a.png", "in/.thumbnails/b.png")
    assert pairs("in") == [("in/a.png", "out/a.png")]


def test_results_of_earlier_runs_below_the_inputs_are_no_inputs():
    make("out/in/x.png", "in/a.png")
    assert pairs("in") == [("in/a.png", "out/a.png")]
    make("out/b.png", "c.png")
    assert pairs(".") == [("c.png", "out/c.png"), ("in/a.png", "out/in/a.png")]


def test_links_in_a_circle_end_and_are_said():
    make("in/a.png", "in/sub/b.png")
    os.symlink("..", "in/sub/up")
    os.symlink("sub", "in/twice")
    plan = plan_jobs([Path("in")], Path("out"), TWICE, Naming())
    assert [str(job.output) for job in plan.jobs] == ["out/a.png", "out/sub/b.png"]
    assert sorted(map(str, plan.again)) == ["in/sub/up", "in/twice"]


def test_a_link_to_a_folder_elsewhere_is_followed():
    make("elsewhere/b.png", "in/a.png")
    os.symlink("../elsewhere", "in/there")
    assert pairs("in") == [("in/a.png", "out/a.png"), ("in/there/b.png", "out/there/b.png")]


def test_a_link_to_nothing_is_planned_so_that_it_is_said():
    make("in/a.png")
    os.symlink("gone", "in/b.png")
    assert [source for source, _ in pairs("in")] == ["in/a.png", "in/b.png"]


def test_a_link_into_the_tree_takes_no_name_away_and_a_circle_elsewhere_ends():
    make("in/sub/deep/a.png", "elsewhere/b.png")
    os.symlink("sub/deep", "in/0")
    os.symlink("../elsewhere", "in/there")
    os.symlink(".", "elsewhere/circle")
    os.symlink("../in", "elsewhere/back")
    assert [output for _, output in pairs("in")] == ["out/sub/deep/a.png", "out/there/b.png"]


def test_several_sizes_of_one_picture_have_the_scale_in_their_names():
    make("a.png")
    targets = (ByFactor(), ByFactor(1.5), ToSize(640, None))
    jobs = plan_jobs([Path("a.png")], Path("out"), targets, Naming(NAME_WITH_SCALE)).jobs
    assert [job.output.name for job in jobs] == ["a-2x.png", "a-1.5x.png", "a-640xx.png"]
    assert [job.target for job in jobs] == list(targets)


@pytest.mark.parametrize(
    ("inputs", "naming", "words"),
    [
        (
            ("x/a.png", "y/a.png"),
            Naming(),
            "out/a.png: expected one picture for it, found x/a.png and y",
        ),
        (("in", "x"), Naming(), "found in/a.png and x/a.png"),
        (("in", "in"), Naming(), "out/a.png: expected one picture for it, found in/a.png"),
        (("x/a.png", "x/a.jpg"), Naming(suffix=".png"), "found x/a.jpg and x/a.png"),
        (("x/a.png", "x/a.gif"), Naming(), "found x/a.gif and x/a.png"),
        (("in",), Naming("same{suffix}"), "out/same.png: expected one picture"),
        (("gone.png",), Naming(), "gone.png: expected a picture or a folder, found nothing there"),
        (("empty",), Naming(), "empty: expected a folder with pictures"),
        (("out",), Naming(), "out: expected another folder for the results"),
        (("out/b.png",), Naming(), "out/b.png: expected a place of its own, found the input out/b.png"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(inputs, naming, words):
    make("in/a.png", "in/b.png", "x/a.png", "x/a.jpg", "x/a.gif", "y/a.png", "out/b.png", "empty/notes.txt")
    if inputs == ("in", "x"):
        os.remove("x/a.jpg")
        os.remove("x/a.gif")
    with pytest.raises(BadInput, match=f"(?s){words}"):
        pairs(*inputs, naming=naming)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "{",
        "{stem",
        "{stem}",
        "{stem}.txt",
        "{0}",
        "{name}",
        "{stem.parent}",
        "../{stem}",
        "a/{stem}",
        "..",
        "{stem:d}",
    ],
)
def test_patterns_that_name_no_file_are_refused(pattern):
    with pytest.raises(BadInput, match=r"expected .*{stem} {scale} {suffix}.*, found"):
        Naming(pattern)


def test_a_folder_that_cannot_be_looked_into_is_said(monkeypatch):
    with unprivileged() as folder:
        monkeypatch.chdir(folder)
        make("in/a.png", "in/closed/b.png")
        os.chmod("in/closed", 0)
        plan = plan_jobs([Path("in")], Path("out"), TWICE, Naming())
        os.chmod("in/closed", 0o700)
    assert [str(job.source) for job in plan.jobs] == ["in/a.png"]
    assert plan.unreadable == ("in/closed: expected a folder to look into, found Permission denied",)
