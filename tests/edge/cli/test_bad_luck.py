"""Streams that are closed or full, folders that are gone, odd names: a clear line, the right exit code."""

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command_line import CLI, ROOT, assert_refused, listing
from PIL import Image

from edge.jobs.record import RECORD_FILE
from edge.upscaler import Upscaler

HERE = {**os.environ, "PYTHONPATH": str(ROOT)}


def shell(command: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    """``command`` of a shell, in which ``"$@"`` is ``liif-edge upscale`` with ``arguments``."""
    words = ["bash", "-c", command, "bash", *CLI, "upscale", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, check=False, **{"env": HERE, **options})


@pytest.fixture
def artifact(tiny) -> Path:
    return tiny.artifact(2, "int8")


def test_standard_input_becomes_standard_output(artifact, picture):
    done = shell('echo no picture | "$@"', "-", "-", "--artifact", artifact)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"liif-edge: standard input: expected a picture (PNG")
    done = shell(f'"$@" < "{picture}"', "-", "-", "--artifact", artifact, "--format", "tif")
    assert (done.returncode, done.stderr) == (0, b"-: 100x80 from 50x40, by liif-x2-int8-xnnpack\n")
    with Image.open(io.BytesIO(done.stdout)) as made, Image.open(picture) as given:
        assert made.format == "TIFF"
        assert np.array_equal(np.asarray(made), np.asarray(Upscaler(artifact=artifact).upscale(given)))


def test_what_is_said_to_a_closed_standard_output_is_lost_and_the_picture_is_not(artifact, picture, tmp_path):
    done = shell('"$@" >&-', picture, tmp_path / "out.png", "--artifact", artifact)
    assert (done.returncode, done.stderr) == (0, b"")
    assert Image.open(tmp_path / "out.png").size == (100, 80)


@pytest.mark.parametrize(
    ("where", "found"), [(">&-", "it closed"), ("> /dev/full", "No space left on device")]
)
def test_a_picture_that_standard_output_does_not_take_is_an_error(artifact, picture, where, found):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full, as Linux has it")
    done = shell(f'"$@" {where}', picture, "-", "--artifact", artifact)
    line = f"liif-edge: standard output: expected to write to it, found {found}\n"
    assert (done.returncode, done.stderr.decode()) == (2, line)


def test_results_that_standard_output_does_not_take_are_an_error(artifact):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full, as Linux has it")
    done = shell(f'"$1" -m edge.cli info "{artifact}" > /dev/full')
    line = b"liif-edge: standard output: expected to write to it, found No space left on device\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_names_need_not_be_text_in_the_locale(artifact, picture, tmp_path):
    for source, name in ((picture, "Größe 雪.png"), (artifact, "artifact 雪")):
        os.symlink(source, tmp_path / name)
    plain = {**HERE, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    names = ("Größe 雪.png", "größer 雪.png", "--artifact", "artifact 雪")
    done = shell('"$@"', *names, cwd=tmp_path, env=plain)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith("größer 雪.png: 100x80 from 50x40")
    assert Image.open(tmp_path / "größer 雪.png").size == (100, 80)


def test_a_working_folder_that_was_deleted_is_said(picture, tmp_path):
    (tmp_path / "here").mkdir()
    done = shell('rmdir ../here; "$@"', picture, tmp_path / "out.png", cwd=tmp_path / "here")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"liif-edge: expected a working folder, found it deleted: change to another\n"


def test_how_to_write_a_name_that_begins_with_a_dash_is_said(run, artifact, picture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture.rename("-name.png")
    hint = "a file whose name begins with - is written with its folder: ./-name.png\n"
    refused = run("upscale", "-name.png", "out.png", "--artifact", artifact)
    assert refused.code == 2 and refused.err.endswith(hint)
    assert "a file" not in run("upscale", "--gone.png", "out.png", "--artifact", artifact).err
    for number, name in enumerate((["./-name.png"], ["--", "-name.png"])):
        assert run("upscale", "--artifact", artifact, *name, f"{number}.png").code == 0


@pytest.fixture
def full(tmp_path) -> Path:
    """A file system of 96 KB."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_a_run_which_can_go_on_later(run, artifact, full, tmp_path):
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    for number in range(3):
        Image.fromarray(noise).save(tmp_path / "in" / f"{number}.png")
    outcome = run("upscale", tmp_path / "in", full, "--artifact", artifact)
    assert outcome.code == 2
    assert outcome.err == (
        f"liif-edge: {full / '1.png'}: expected to write the picture, found No space left on device\n"
    )
    assert sorted(os.listdir(full)) == [RECORD_FILE, "0.png"]
    assert Image.open(full / "0.png").size == (200, 200)
    subprocess.run(["mount", "-o", "remount,size=10m", str(full)], check=True)
    outcome = run("upscale", tmp_path / "in", full, "--artifact", artifact)
    assert outcome.code == 0
    assert outcome.out.endswith(f"{full}: 2 done, 1 unchanged, 0 failed\n")


def test_standard_input_that_finds_no_room_is_said(artifact, full, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    out = tmp_path / "out.png"
    options = ("-", out, "--artifact", artifact)
    done = shell(f'"$@" < "{tmp_path / "a.png"}"', *options, env={**HERE, "TMPDIR": str(full)})
    found = f"found No space left on device in {full}\n"
    line = f"liif-edge: standard input: expected to keep it while it is read, {found}"
    assert (done.returncode, done.stderr.decode()) == (2, line)
    assert not out.exists() and listing(full) == {}


def test_a_picture_for_a_full_disk_leaves_nothing_half_written(run, artifact, full, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    refused = run("upscale", tmp_path / "a.png", full / "b.png", "--artifact", artifact)
    assert_refused(refused, "b.png: expected to write the picture, found No space left on device")
    assert listing(full) == {}
