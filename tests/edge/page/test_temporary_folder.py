"""Temporary files end with their process, however it ends."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.page.temporary_folder import PREFIX, temporary_folder


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_vanishes_at_the_end_and_after_an_error(tmp_path):
    with pytest.raises(KeyError), temporary_folder() as folder:
        (folder / "picture").write_text("x")
        assert list(tmp_path.iterdir()) == [folder]
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_others_use_stays(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, used = tmp_path / f"{PREFIX}{ended.pid}-a", tmp_path / f"{PREFIX}{os.getppid()}-b"
    for folder in (left, used, tmp_path / f"{PREFIX}notes-c", tmp_path / "other"):
        folder.mkdir()
        (folder / "picture").write_text("x")
    with temporary_folder() as ours:
        kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {used.name, f"{PREFIX}notes-c", "other", ours.name}
    assert Path(left).exists() is False
