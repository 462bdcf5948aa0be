"""Output files and folders are refused before the work, and are there whole or not at all."""

import os

import pytest

from edge.errors import BadInput, OutputExists
from edge.output_file import check_path, whole_file, whole_folder, write_report


def test_a_report_is_written_whole_and_replaces_nothing_unasked(tmp_path):
    path = tmp_path / "a.html"
    check_path(path, (".html",), force=False)
    write_report(path, "<p>×</p>")
    assert path.read_text(encoding="utf-8") == "<p>×</p>" and os.listdir(tmp_path) == ["a.html"]
    with pytest.raises(OutputExists, match="--force replaces it"):
        check_path(path, (".html",), force=False)
    check_path(path, (".html",), force=True)
    for wrong in (tmp_path / "a.txt", tmp_path / "no" / "a.html", tmp_path):
        with pytest.raises(BadInput, match="expected"):
            check_path(wrong, (".html",), force=False)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.npz.txt", r"a name ending in \.npz, \.json, found \.txt"),
        ("a", r"a name ending in \.npz, \.json, found no extension"),
        ("gone/a.npz", "gone to be a folder, found nothing there"),
        ("file/a.npz", "file to be a folder, found a file"),
        ("folder.npz", "a file to write, found a folder"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_a_path_that_cannot_hold_a_file_is_refused_before_the_work(tmp_path, name, found, force):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(BadInput, match=f"expected .*{found}"):
        check_path(tmp_path / name, (".npz", ".json"), force)


def test_what_cannot_be_written_is_said_in_words(tmp_path):
    with (
        pytest.raises(BadInput, match=r"a\.npz: expected to write the bundle, found No such file"),
        whole_file(tmp_path / "gone" / "a.npz", "the bundle") as partial,
    ):
        partial.write_text("")


def test_force_replaces_a_folder_at_the_end(tmp_path):
    folder = tmp_path / "front"
    folder.mkdir()
    (folder / "old").write_text("")
    with whole_folder(folder, force=True) as content:
        (content / "new").write_text("")
        assert os.listdir(folder) == ["old"]
    assert os.listdir(folder) == ["new"]
    assert os.listdir(tmp_path) == ["front"]


def test_the_folder_that_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".front.partial-0a_b1c2d" / "front").mkdir(parents=True)
    (tmp_path / ".front.partial").mkdir()
    with whole_folder(tmp_path / "pages", force=False) as content:
        (content / "new").write_text("")
    assert sorted(os.listdir(tmp_path)) == [".front.partial", "pages"]


def test_a_folder_that_comes_to_be_meanwhile_is_not_replaced_unasked(tmp_path):
    folder = tmp_path / "pages"
    with (
        pytest.raises(OutputExists, match="expected a new path, found something there"),
        whole_folder(folder, force=False) as content,
    ):
        (content / "ours").write_text("")
        folder.mkdir()
        (folder / "theirs").write_text("")
    assert os.listdir(folder) == ["theirs"]
    assert os.listdir(tmp_path) == ["pages"]
