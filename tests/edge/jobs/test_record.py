"""What earlier runs have done is not done again, and what others have put there is not replaced."""

import os
from pathlib import Path

import pytest

from edge.errors import BadInput, OutputExists
from edge.jobs.job import Job, Settings
from edge.jobs.record import RECORD_FILE, Record
from edge.run.target import ByFactor
from edge.upscaler import Output


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def job(tmp_path, out) -> Job:
    (tmp_path / "a.png").write_bytes(b"a picture")
    return Job(tmp_path / "a.png", out / "sub" / "a.png", ByFactor())


def make(job: Job, content: bytes = b"enlarged") -> None:
    job.output.parent.mkdir(parents=True, exist_ok=True)
    job.output.write_bytes(content)


DEFAULT = Settings()


def do(out: Path, job: Job, settings: Settings = DEFAULT) -> None:
    with Record.open(out, settings) as record:
        record.begin(job)
        make(job)
        record.finish(job)


def left(out: Path, job: Job, settings: Settings = DEFAULT, force: bool = False) -> list[Job]:
    """What another process would do, which must say the same before it starts."""
    to_do, done = Record.read(out, settings).divide([job], force)
    with Record.open(out, settings) as record:
        assert record.divide([job], force) == (to_do, done)
    assert [(each.source, each.output) for each in to_do + done] == [(job.source, job.output)]
    return to_do


def test_what_is_done_and_unchanged_is_not_done_again(out, job):
    assert left(out, job) == [job]
    do(out, job)
    assert left(out, job) == []


def test_a_changed_picture_is_done_again_and_replaces_its_result(out, job):
    do(out, job)
    job.source.write_bytes(b"a longer picture")
    (again,) = left(out, job)
    assert again.replace


@pytest.mark.parametrize(
    "settings",
    [
        Settings("photo"),
        Settings(ensemble=True),
        Settings(output=Output(quality=90)),
        Settings(precision="fp32"),
    ],
    ids=str,
)
def test_with_other_options_everything_is_done_again(out, job, settings):
    do(out, job)
    (again,) = left(out, job, settings)
    assert again.replace


def test_another_size_is_done_again(out, job):
    do(out, job)
    assert left(out, Job(job.source, job.output, ByFactor(3)))


def test_force_does_everything_again_and_is_no_other_option(out, job):
    do(out, job)
    assert left(out, job) == []
    (again,) = left(out, job, force=True)
    assert again.replace


def test_an_artifact_of_other_content_is_another_option(out, job, tmp_path):
    (tmp_path / "card.json").write_text("{}")
    settings = Settings(artifact=tmp_path)
    do(out, job, settings)
    assert left(out, job, settings) == []
    (tmp_path / "card.json").write_text("{ }")
    assert left(out, job, settings)


def test_an_artifact_or_a_checkpoint_that_is_not_there_is_refused(out, job, tmp_path):
    for settings in (Settings(artifact=tmp_path / "gone"), Settings(tmp_path / "gone.pth")):
        with Record.open(out, settings) as record, pytest.raises(BadInput, match=r"gone.*found No such file"):
            record.begin(job)


def test_a_missing_result_is_made_again(out, job):
    do(out, job)
    job.output.unlink()
    assert left(out, job) == [job]


def test_what_somebody_else_has_put_there_is_refused_unless_forced(out, job):
    make(job)
    with pytest.raises(OutputExists, match=r"a\.png: expected a free path or a result of liif-edge"):
        left(out, job)
    (again,) = left(out, job, force=True)
    assert again.replace


def test_a_result_that_somebody_has_changed_is_refused_unless_forced(out, job):
    do(out, job)
    make(job, b"retouched")
    with pytest.raises(OutputExists):
        left(out, job)
    assert left(out, job, force=True)


def test_a_run_that_was_killed_right_after_it_wrote_goes_on(out, job):
    with Record.open(out, Settings()) as record:
        record.begin(job)
        make(job)
    (again,) = left(out, job)
    assert again.replace


def test_a_line_that_was_cut_off_is_of_no_effect(out, job):
    do(out, job)
    record = out / RECORD_FILE
    record.write_bytes(record.read_bytes()[:-20])
    (again,) = left(out, job)  # begun, and not known to be finished
    assert again.replace
    job.output.unlink()
    record.write_bytes(record.read_bytes()[:20])
    with Record.open(out, Settings()) as opened:  # nor is the line after it
        opened.begin(job)
        make(job)
    (again,) = left(out, job)
    assert again.replace


def test_after_a_failure_what_lies_there_is_as_before(out, job):
    with Record.open(out, Settings()) as record:
        record.begin(job)
        record.fail(job)
    assert left(out, job) == [job]
    make(job)
    with pytest.raises(OutputExists):
        left(out, job)
    job.output.unlink()
    do(out, job)
    job.source.write_bytes(b"no picture")
    with Record.open(out, Settings()) as record:
        record.begin(job)
        record.fail(job)
    (again,) = left(out, job)
    assert again.replace


def test_a_second_run_into_the_same_folder_is_refused(out, job):
    with Record.open(out, Settings()) as record:
        record.begin(job)
        with pytest.raises(BadInput, match="expected no other run"), Record.open(out, Settings()):
            pass
    assert left(out, job)


def test_folders_that_cannot_be_written_to_are_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "taken" / RECORD_FILE).mkdir(parents=True)
    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "taken"):
        with pytest.raises(BadInput, match="expected a place to write to"), Record.open(folder, Settings()):
            pass


def test_reading_makes_nothing(out, job):
    assert Record.read(out, Settings()).divide([job], False) == ([job], [])
    assert not os.path.lexists(out)
