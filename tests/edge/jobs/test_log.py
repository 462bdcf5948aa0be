"""The log has a JSON object a line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.errors import BadInput
from edge.jobs.job import Job, Result
from edge.jobs.log import JobLog
from edge.run.target import ByFactor
from edge.upscaler import Enlarged

JOB = Job(Path("in/Größe.png"), Path("out/\udcff.png"), ByFactor())


def test_every_job_is_a_line(tmp_path):
    path = tmp_path / "run.jsonl"
    enlarged = Enlarged((40, 50), (80, 100), "liif-x2-int8-xnnpack", ("its EXIF is damaged",))
    for _ in range(2):  # a later run adds to it
        with JobLog.open(path) as log:
            log.ended(Result(JOB, 1.23456, enlarged))
            assert path.read_bytes().endswith(b"\n")  # at once
            log.ended(Result(JOB, 0.1, error="no picture"))
            log.unchanged(JOB)
    lines = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    assert len(lines) == 6
    for line in lines:
        now = datetime.fromisoformat(line.pop("time"))
        assert abs((datetime.now(UTC) - now).total_seconds()) < 60
        assert (line.pop("source"), line.pop("output")) == ("in/Größe.png", "out/\udcff.png")
    done, failed, unchanged = lines[:3]
    assert done == {
        "event": "done",
        "of": [50, 40],
        "size": [100, 80],
        "by": "liif-x2-int8-xnnpack",
        "seconds": 1.235,
        "notes": ["its EXIF is damaged"],
    }
    assert failed == {"event": "failed", "error": "no picture"}
    assert unchanged == {"event": "unchanged"}


def test_without_a_file_nothing_is_written():
    with JobLog.open(None) as log:
        log.unchanged(JOB)


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(BadInput, match="expected a log to write to"), JobLog.open(tmp_path):
        pass
