"""A file is there whole or not at all."""

import os

import pytest

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


def test_two_that_write_the_same_file_do_not_meet(tmp_path):
    path = tmp_path / "a.pt"
    with whole_file(path) as one, whole_file(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["a.pt"]
