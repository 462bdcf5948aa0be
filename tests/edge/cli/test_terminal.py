"""Our lines reach the terminal, third parties' only on request."""

import ctypes
import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest

from edge.cli.terminal import open_terminal
from edge.work import Work


def streams_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's streams write to the descriptors, as outside of pytest."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        monkeypatch.setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115


def third_party() -> None:
    """Every way to write to the terminal that is not ours."""
    print("chatter on stdout")
    print("chatter on stderr", file=sys.stderr)
    os.write(1, b"chatter on descriptor 1\n")
    os.write(2, b"chatter on descriptor 2\n")
    ctypes.CDLL(None).puts(b"chatter from C")
    ctypes.CDLL(None).fflush(None)
    warnings.warn("chatter as a warning", stacklevel=1)
    logging.getLogger("third.party").error("chatter in a log")


@pytest.mark.filterwarnings("ignore:chatter")
def test_only_our_lines_pass(capfd, monkeypatch):
    streams_of_a_process(monkeypatch)
    with open_terminal(verbose=False) as terminal:
        third_party()
        terminal.print("a result")
        terminal.log("a note")
        third_party()
    out, err = capfd.readouterr()
    assert (out, err) == ("a result\n", "a note\n")


@pytest.mark.filterwarnings("ignore:chatter")
def test_verbose_lets_all_through(capfd, monkeypatch):
    streams_of_a_process(monkeypatch)
    with open_terminal(verbose=True) as terminal:
        third_party()
        terminal.print("a result")
        terminal.log("a note")
    out, err = capfd.readouterr()
    assert "chatter on stdout" in out and "chatter on descriptor 1" in out and "a result" in out
    assert "chatter on stderr" in err and "chatter on descriptor 2" in err and "a note" in err


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_streams_are_back_afterwards_whatever_happens(capfd, monkeypatch, error):
    streams_of_a_process(monkeypatch)
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    try:
        with open_terminal(verbose=False):
            if error:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    print("out again", flush=True)
    print("err again", file=sys.stderr, flush=True)
    assert capfd.readouterr() == ("out again\n", "err again\n")
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_what_was_printed_before_is_not_lost(capfd, monkeypatch):
    streams_of_a_process(monkeypatch)
    print("before")
    with open_terminal(verbose=False) as terminal:
        terminal.print("inside")
    assert capfd.readouterr().out == "before\ninside\n"


@pytest.mark.parametrize(
    "text",
    ["[bold]x[/bold]", "[/]", "a :cat: b", "x" * 300, "Größe ×2 → 雪", "C:\\new\\table", "100 % 'quoted'"],
)
def test_lines_come_out_as_they_are(capfd, text):
    with open_terminal(verbose=False) as terminal:
        terminal.print(text)
        terminal.log(text)
    assert capfd.readouterr() == (text + "\n", text + "\n")


def test_names_of_files_that_are_no_text_come_out_as_they_are(capfdbinary):
    name = os.fsdecode(b"photo-\xff.png")
    with open_terminal(verbose=False) as terminal:
        terminal.print(name)
        terminal.log(name)
        terminal.log("\ud800")  # of no file name
    assert capfdbinary.readouterr() == (b"photo-\xff.png\n", b"photo-\xff.png\n\\ud800\n")


def test_json_is_one_object_however_long_its_lines(capfd):
    value = {"path": "/a" * 200, "text": "[red]:cat:[/red] ×", "n": [1, 2.5, None], "e": {}}
    with open_terminal(verbose=False) as terminal:
        terminal.json(value)
    assert json.loads(capfd.readouterr().out) == value


def test_json_has_no_nan(capfd):
    with open_terminal(verbose=False) as terminal, pytest.raises(ValueError):
        terminal.json({"psnr": float("nan")})
    assert capfd.readouterr().out == ""


def test_a_table_shows_every_cell_whole(capfd):
    rows = [["drawn screen (32, 48)", "49.10", "0.998000"], ["[red]", "∞", "1"]]
    with open_terminal(verbose=False) as terminal:
        terminal.table("a title", ["tile", "PSNR (dB)", "SSIM"], rows)
    out = capfd.readouterr().out
    assert out.startswith("a title\n")
    for cell in ("tile", "PSNR (dB)", "SSIM", *rows[0], *rows[1]):
        assert cell in out


def test_progress_is_for_people_only(capfd):
    with open_terminal(verbose=False) as terminal:
        assert list(terminal.track("upscaling", Work(3, iter("abc")))) == ["a", "b", "c"]
        terminal.print("done")
    assert capfd.readouterr() == ("done\n", "")


def test_work_is_tracked_as_it_is_done(capfd):
    done = []

    def pieces() -> Iterator[int]:
        for number in range(3):
            done.append(number)
            yield number

    with open_terminal(verbose=False) as terminal:
        for piece in terminal.track("upscaling", Work(3, pieces())):
            assert done == list(range(piece + 1))
    assert done == [0, 1, 2]
    assert capfd.readouterr() == ("", "")


def test_no_table_is_cut_off_in_a_file(capfd, monkeypatch):
    streams_of_a_process(monkeypatch)
    path = "/".join(["a-long-name"] * 12)
    with open_terminal(verbose=False) as terminal:
        terminal.table("long", ["form", "ratio"], [[path, "43.5×"]])
    out, _ = capfd.readouterr()
    assert path in out and "43.5×" in out


def test_a_reader_that_leaves_early_changes_neither_the_work_nor_the_exit_code():
    command = [sys.executable, "-m", "edge.cli", "devices"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
