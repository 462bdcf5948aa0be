"""A file is there whole or not at all."""

import os
import subprocess
import sys

import pytest
from command_line import ROOT
from image_files import unprivileged

from models.output_file import whole_file


def test_a_file_appears_when_its_block_is_done(tmp_path):
    path = tmp_path / "a.pt"
    path.write_text("old")
    with whole_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.pt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.pt"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.pt"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a.pt"):
        pass


def test_the_longest_name_that_a_system_allows_can_be_written(tmp_path):
    path = tmp_path / ("x" * 255)
    with whole_file(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"


LITTER = ".0123456789abcdef.partial"


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    others = ["mine.partial", ".0123456789abcde.partial", ".0123456789abcdef.partial.png"]
    for name in (LITTER, *others):
        (tmp_path / name).write_text("half")
    with whole_file(tmp_path / "a.pt") as partial:
        partial.write_text("new")
    assert sorted(os.listdir(tmp_path)) == sorted(["a.pt", *others])


def test_what_another_process_writes_now_is_not_removed(tmp_path):
    program = (
        "import sys; from pathlib import Path; from models.output_file import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as partial: partial.write_text('theirs'); print(); input()"
    )
    command = (sys.executable, "-c", program, tmp_path / "theirs.pt")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        process.stdout.readline()
        with whole_file(tmp_path / "a.pt") as partial:
            partial.write_text("ours")
        process.communicate(b"\n")
    assert sorted(os.listdir(tmp_path)) == ["a.pt", "theirs.pt"]


def test_a_folder_that_may_not_be_read_can_be_written_to():
    with unprivileged() as folder:
        blind = folder / "blind"
        blind.mkdir(0o300)
        with whole_file(blind / "a.pt") as partial:
            partial.write_text("new")
        blind.chmod(0o700)
        assert os.listdir(blind) == ["a.pt"]


def test_two_that_write_the_same_file_do_not_meet(tmp_path):
    path = tmp_path / "a.pt"
    with whole_file(path) as one, whole_file(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["a.pt"]
