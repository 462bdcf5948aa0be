"""``liif-edge upscale`` of folders and of several pictures: all are done, once, and what fails is said."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import CLI, ROOT, Outcome, assert_refused, listing
from PIL import Image

from edge.backends.backend import PTE_FILE
from edge.jobs.record import RECORD_FILE
from edge.upscaler import Upscaler
from models.drawings import draw_sheet


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three pictures, two of them below."""
    for seed, name in enumerate(["in/a.png", "in/sub/b.png", "in/sub/雪.png"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_sheet(20, 30, seed)).save(tmp_path / name)
    return tmp_path / "in"


@pytest.fixture
def artifact(tiny) -> tuple[str, Path]:
    return "--artifact", tiny.artifact("any", "int8")


def sizes(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p.relative_to(folder)): Image.open(p).size for p in sorted(folder.rglob("*.png"))}


DOUBLED = {"a.png": (60, 40), "sub/b.png": (60, 40), "sub/雪.png": (60, 40)}


def test_a_folder_becomes_a_folder_and_the_second_run_has_nothing_to_do(run, folder, artifact, tmp_path):
    out = tmp_path / "out"
    outcome = run("upscale", folder, out, *artifact)
    by = "60x40 from 30x20, by liif-any-int8-xnnpack"
    lines = [f"{out / name}: {by}" for name in DOUBLED]
    assert outcome == Outcome(0, "\n".join([*lines, f"{out}: 3 done, 0 unchanged, 0 failed", ""]), "")
    assert sizes(out) == DOUBLED
    with Image.open(folder / "a.png") as given, Image.open(out / "a.png") as made:
        assert np.array_equal(np.asarray(made), np.asarray(Upscaler(artifact=artifact[1]).upscale(given)))
    before = listing(out)
    assert run("upscale", folder, out, *artifact) == Outcome(0, f"{out}: 0 done, 3 unchanged, 0 failed\n", "")
    assert listing(out) == before


def test_what_changed_or_is_new_is_done_and_other_options_do_all_again(run, folder, artifact, tmp_path):
    out = tmp_path / "out"
    run("upscale", folder, out, *artifact)
    Image.fromarray(draw_sheet(10, 10, 9)).save(folder / "a.png")
    Image.fromarray(draw_sheet(10, 12, 9)).save(folder / "new.png")
    assert "2 done, 2 unchanged, 0 failed" in run("upscale", folder, out, *artifact).out
    assert sizes(out) == {**DOUBLED, "a.png": (20, 20), "new.png": (24, 20)}
    assert "4 done, 0 unchanged" in run("upscale", folder, out, *artifact, "--scale", "1.5").out
    assert sizes(out)["sub/b.png"] == (45, 30)
    assert "4 done, 0 unchanged" in run("upscale", folder, out, *artifact, "--scale", "1.5", "--force").out


def test_a_bad_picture_stops_no_other_and_the_reason_is_said_once_at_the_end(run, folder, artifact, tmp_path):
    (folder / "sub" / "a bad one.png").write_text("no picture")
    out, log = tmp_path / "out", tmp_path / "log.jsonl"
    outcome = run("upscale", folder, out, *artifact, "--log", log)
    assert outcome.code == 1
    assert outcome.out.endswith(f"{out}: 3 done, 0 unchanged, 1 failed\n")
    assert outcome.out.splitlines()[1] == f"{out}/sub/a bad one.png: failed"
    (reason,) = outcome.err.splitlines()
    assert reason.startswith(f"failed: {folder}/sub/a bad one.png: expected a picture (PNG")
    assert sizes(out) == DOUBLED
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events] == ["done", "failed", "done", "done"]
    (folder / "sub" / "a bad one.png").unlink()
    assert run("upscale", folder, out, *artifact, "--log", log).code == 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events[4:]] == ["unchanged"] * 3


def test_several_pictures_go_to_one_folder(run, folder, artifact, tmp_path):
    given = (folder / "a.png", folder / "sub" / "b.png")
    outcome = run(
        "upscale", given[0], *artifact, given[1], "--to", tmp_path / "new" / "out", "--format", "webp"
    )
    assert outcome.code == 0, outcome
    assert sorted(os.listdir(tmp_path / "new" / "out")) == [RECORD_FILE, "a.webp", "b.webp"]


def test_several_sizes_come_from_one_run(run, folder, artifact, tmp_path):
    out = tmp_path / "out"
    options = ("--to", out, "--also", "x3,1.5", "--name", "{stem}@{scale}x{suffix}")
    assert run("upscale", folder / "a.png", *artifact, *options).code == 0
    assert sizes(out) == {"a@1.5x.png": (45, 30), "a@2x.png": (60, 40), "a@3x.png": (90, 60)}
    shutil.rmtree(out)
    assert run("upscale", folder / "a.png", *artifact, "--to", out, "--also", "3").code == 0
    assert sizes(out) == {"a-2x.png": (60, 40), "a-3x.png": (90, 60)}


def test_one_reason_of_several_sizes_is_said_once(run, folder, artifact, tmp_path):
    out, bad = tmp_path / "out", folder / "bad.png"
    bad.write_text("no picture")
    outcome = run("upscale", bad, folder / "a.png", *artifact, "--to", out, "--also", "3")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[:2] == [f"{out}/bad-2x.png: failed", f"{out}/bad-3x.png: failed"]
    assert lines[-1] == f"{out}: 2 done, 0 unchanged, 2 failed"
    (reason,) = outcome.err.splitlines()
    assert reason.startswith(f"failed: {bad}: expected a picture (PNG")


def test_what_failed_is_said_of_a_run_that_ends_early_too(run, folder, artifact, tmp_path):
    (folder / "0 bad.png").write_text("no picture")
    damaged = shutil.copytree(artifact[1], tmp_path / "damaged")
    (damaged / PTE_FILE).write_bytes(b"no program")
    outcome = run("upscale", folder, tmp_path / "out", "--artifact", damaged)
    assert outcome.code == 2
    reason, end = outcome.err.splitlines()
    assert reason.startswith(f"failed: {folder}/0 bad.png: expected a picture (PNG")
    assert end.startswith(f"liif-edge: {damaged / PTE_FILE}: expected the program that the card describes")


def test_several_processes_do_the_same(run, folder, artifact, tmp_path):
    (folder / "bad.png").write_text("no picture")
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("upscale", folder, one, *artifact).code == 1
    outcome = run("upscale", folder, two, *artifact, "--jobs", "2")
    assert outcome.code == 1
    assert outcome.out.endswith(f"{two}: 3 done, 0 unchanged, 1 failed\n")
    for name in DOUBLED:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run, folder, artifact, tmp_path):
    before = listing(tmp_path)
    out = tmp_path / "out"
    outcome = run("upscale", folder, out, *artifact, "--dry-run")
    lines = [f"{out / name}: from {folder / name}" for name in DOUBLED]
    assert outcome == Outcome(0, "\n".join([*lines, f"{out}: 3 to do, 0 unchanged", ""]), "")
    assert listing(tmp_path) == before
    run("upscale", folder, out, *artifact)
    assert run("upscale", folder, out, *artifact, "--dry-run").out == f"{out}: 0 to do, 3 unchanged\n"


def test_what_somebody_else_has_put_there_is_kept_unless_forced(run, folder, artifact, tmp_path):
    theirs = tmp_path / "out" / "sub" / "b.png"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    outcome = run("upscale", folder, tmp_path / "out", *artifact)
    assert_refused(outcome, f"{theirs}: expected a free path or a result of liif-edge", "--force")
    assert theirs.read_bytes() == b"theirs" and not (tmp_path / "out" / "a.png").exists()
    assert run("upscale", folder, tmp_path / "out", *artifact, "--force").code == 0
    assert sizes(tmp_path / "out") == DOUBLED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in", "in"], "expected another folder for the results"),
        (["empty", "out"], "empty: expected a folder with pictures"),
        (["in"], "expected IN and OUT, or a folder for the results by --to, found in alone"),
        (["in/a.png", "in/sub/b.png", "out.png"], "found 3 inputs"),
        (
            ["in/a.png", "in/gone.png", "--to", "out"],
            "gone.png: expected a picture or a folder",
        ),
        (
            ["in/a.png", "in/other/a.png", "--to", "out"],
            "expected one picture for it, found in/a.png",
        ),
        (["in", "-"], "expected files and folders, found -"),
        (["-", "--to", "out"], "expected files and folders, found -"),
        (["in", "out", "--also", "31"], "expected a scale from 1 to 30, found 31"),
        (["in", "out", "--name", "{size}.png"], "expected a file's name of {stem} {scale} {suffix}"),
        (["in", "out", "--format", "bmp"], "--format: expected png, jpg"),
        (["in", "out", "--log", "empty"], "empty: expected a log to write to"),
        (["in", "in/a.png"], "expected a place to write to"),
        (["in/a.png", "out.png", "--jobs", "2"], "--jobs: expected a folder for the results"),
        (["in/a.png", "out.png", "--also", "3", "--dry-run"], "--also --dry-run: expected a folder"),
        (["in/a.png", "out.png", "--format", "png"], "--format: expected --to or -, found out.png"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused_before_the_work(
    run, folder, artifact, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copytree(folder / "sub", folder / "other")
    shutil.copy(folder / "a.png", folder / "other" / "a.png")
    before = listing(tmp_path)
    outcome = run("upscale", *arguments, *artifact)
    assert_refused(outcome, words)
    after = listing(tmp_path)
    after.pop(f"out/{RECORD_FILE}", None), after.pop("out", None)
    assert after == before


@pytest.mark.parametrize(
    ("number", "n_jobs"), [(signal.SIGKILL, 1), (signal.SIGTERM, 1), (signal.SIGTERM, 2)]
)
def test_a_run_that_is_ended_goes_on_where_it_was(run, artifact, tmp_path, number, n_jobs):
    (tmp_path / "in").mkdir()
    for seed in range(4 * n_jobs):
        Image.fromarray(draw_sheet(150, 150, seed)).save(tmp_path / "in" / f"{seed}.png")
    options = ("upscale", tmp_path / "in", tmp_path / "out", *artifact, "--tile", "16")
    command = (*CLI, *options, "--jobs", str(n_jobs))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()  # one is done
        process.send_signal(number)
        code = process.wait(60)
        err = process.stderr.read().decode()
    if number == signal.SIGTERM:
        assert (code, err) == (143, "liif-edge: interrupted; nothing half-written was left\n")
    for path in (tmp_path / "out").glob("*.png"):
        assert np.asarray(Image.open(path)).shape == (300, 300, 3)
    n_whole = len(list((tmp_path / "out").glob("*.png")))
    assert 1 <= n_whole < 4 * n_jobs
    outcome = run(*options)
    assert outcome.code == 0
    n_done = int(outcome.out.splitlines()[-1].split(": ")[1].split()[0])
    assert 4 * n_jobs - n_whole <= n_done < 4 * n_jobs
    names = sorted(os.listdir(tmp_path / "out"))
    assert names == [RECORD_FILE, *(f"{seed}.png" for seed in range(4 * n_jobs))]


def test_processes_end_with_the_one_that_started_them(folder, artifact, tmp_path):
    Image.fromarray(draw_sheet(500, 500, 0)).save(folder / "large.png")
    options = ("upscale", folder, tmp_path / "out", *artifact, "--tile", "13", "--halo", "6", "--jobs", "2")
    with subprocess.Popen((*CLI, *options), cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        workers = children(process.pid)
        assert len(workers) >= 2
        process.kill()
    end = time.monotonic() + 60
    while any(map(runs, workers)):
        assert time.monotonic() < end
        time.sleep(0.1)


def runs(process: int) -> bool:
    """Whether it is there, and no zombie that nobody has asked for its exit code."""
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children")
    if not tasks.is_file():
        pytest.skip("needs Linux's /proc to see which processes a process has started")
    return list(map(int, tasks.read_text().split()))
