"""The program as a whole: help, exit codes, what reaches the terminal, Ctrl-C."""

import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import (
    CLI,
    INTERRUPTIBLE,
    ROOT,
    listing,
)
from PIL import Image

from models.drawings import draw_sheet


@pytest.mark.parametrize(
    "command", ["build", "upscale", "baseline", "check", "eval", "bench", "info", "sample"]
)
def test_every_command_has_help_with_an_example(run, command):
    outcome = run(command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"example: liif-edge {command} " in outcome.out.replace("\n", " ")


def test_help_lists_the_commands_and_none_is_an_error(run):
    assert "upscale" in run("--help").out
    assert run().code == 2
    assert run("enlarge").code == 2


def test_a_defect_of_ours_is_shown_whole_and_ends_with_70(run, picture, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.upscaler.read_image", lambda *_, **__: 1 / 0)
    outcome = run("upscale", picture, tmp_path / "out.png")
    assert outcome.code == 70
    assert "ZeroDivisionError" in outcome.err
    assert "please report" in outcome.err


def test_in_a_process_of_its_own_nothing_else_reaches_the_terminal(cached, picture, tmp_path):
    command = (*CLI, "upscale", picture, tmp_path / "out.png", "--checkpoint", cached)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    expected_line = f"{tmp_path / 'out.png'}: 100x80 from 50x40, by liif-x2-int8-xnnpack\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected_line, "")


def test_ctrl_c_during_upscale_leaves_nothing_and_ends_with_130(cached, tmp_path):
    import pty

    Image.fromarray(draw_sheet(500, 500, 0)).save(tmp_path / "a.png")
    before = listing(tmp_path)
    # The full halo in the smallest tile: 238,144 tiles, for which nobody waits.
    options = ("--checkpoint", cached, "--tile", "13", "--halo", "6")
    command = (
        sys.executable,
        "-c",
        INTERRUPTIBLE,
        "upscale",
        tmp_path / "a.png",
        tmp_path / "b.png",
        *options,
    )
    screen, theirs = pty.openpty()  # a person looks: progress is shown
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"/238144" not in seen:
            seen += os.read(screen, 1000)
        process.send_signal(signal.SIGINT)
        try:
            while part := os.read(screen, 1000):
                seen += part
        except OSError:  # Linux says so when the other side is closed
            pass
        assert process.wait(timeout=60) == 130
    os.close(screen)
    assert b"liif-edge: interrupted; nothing half-written was left" in seen
    assert b"Traceback" not in seen
    assert listing(tmp_path) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_command_begins_is_one_line(run, monkeypatch, number, code):
    read = "argparse.ArgumentParser.parse_known_args"
    monkeypatch.setattr(read, lambda *_: os.kill(os.getpid(), number))
    outcome = run("upscale", "a.png", "b.png")
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err == "liif-edge: interrupted; nothing half-written was left\n"


def test_ctrl_c_during_a_build_leaves_nothing_and_ends_with_130(tiny, tmp_path):
    options = ("--checkpoint", tiny.checkpoint, "--scale", "4", "--precision", "fp32")
    command = (sys.executable, "-c", INTERRUPTIBLE, "build", "--out", tmp_path / "dist", *options)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("dist/.liif-x4-fp32-xnnpack.partial-*")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.endswith("liif-edge: interrupted; nothing half-written was left\n")
    assert "Traceback" not in err
    assert list((tmp_path / "dist").iterdir()) == []
