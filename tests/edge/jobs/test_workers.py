"""Jobs in this process and in several: the same pictures, and nothing lost when a process ends."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from deadly import Deadly
from PIL import Image

from edge.errors import BadArtifact
from edge.jobs.job import Job, Settings
from edge.jobs.workers import Processes, by_crew, in_this_process
from edge.run.target import ByFactor
from models.drawings import draw_sheet


@pytest.fixture
def settings(tiny) -> Settings:
    return Settings(artifact=tiny.artifact(2, "int8"))


def picture(tmp_path: Path, number: int, target: ByFactor = ByFactor()) -> Job:  # noqa: B008
    source = tmp_path / f"{number}.png"
    Image.fromarray(draw_sheet(30, 40, number)).save(source)
    return Job(source, tmp_path / "out" / source.name, target)


def test_several_processes_make_what_one_makes(settings, tmp_path):
    before = {*multiprocessing.active_children()}
    bad = Job(tmp_path / "bad.png", tmp_path / "out" / "bad.png", ByFactor())
    bad.source.write_text("no picture")
    jobs = [picture(tmp_path, 0), bad, picture(tmp_path, 1), picture(tmp_path, 2)]
    begun: list[Job] = []
    ones = list(in_this_process(jobs, settings, begun.append, print))
    assert begun == [result.job for result in ones] == jobs
    by_one = {job.source.name: job.output.read_bytes() for job in jobs if job != bad}
    for name in by_one:
        (tmp_path / "out" / name).unlink()

    many = list(by_crew(Processes(settings, 2), jobs, begun.append))
    assert begun[4:] == jobs
    assert {job.source.name: job.output.read_bytes() for job in jobs if job != bad} == by_one
    for results in (ones, many):
        failed = [result for result in results if result.enlarged is None]
        assert [result.job for result in failed] == [bad]
        assert "bad.png: expected a picture" in failed[0].error
        assert {result.job for result in results} == {*jobs}
        assert all(result.seconds > 0 for result in results)
    assert not {*multiprocessing.active_children()} - before


def test_of_a_process_that_ends_the_job_is_done_by_another(settings, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.touch()
    jobs = [picture(tmp_path, 0, Deadly(deaths=deaths)), picture(tmp_path, 1)]
    begun: list[Job] = []
    results = list(by_crew(Processes(settings, 2), jobs, begun.append))
    assert sorted(result.job.source for result in results) == sorted(job.source for job in jobs)
    assert all(result.enlarged for result in results)
    assert len(begun) == 3 and deaths.read_text() == "x"
    assert {np.asarray(Image.open(job.output)).shape for job in jobs} == {(60, 80, 3)}


def test_a_job_that_ends_every_process_fails_and_the_others_are_done(settings, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.touch()
    deadly = picture(tmp_path, 0, Deadly(deaths=deaths, most=9))
    results = list(by_crew(Processes(settings, 1), [deadly, picture(tmp_path, 1)], lambda _: None))
    by_source = {result.job.source.name: result for result in results}
    assert "expected a result, found that the process which did it ended twice" in by_source["0.png"].error
    assert by_source["1.png"].enlarged is not None
    assert len(results) == 2 and deaths.read_text() == "xx"


@pytest.mark.parametrize("count", [1, 2])
def test_an_artifact_that_is_none_ends_all(tmp_path, count):
    before = {*multiprocessing.active_children()}
    jobs, settings = [picture(tmp_path, number) for number in range(3)], Settings(artifact=tmp_path / "gone")
    with pytest.raises(BadArtifact, match="expected an artifact folder, found nothing there"):
        if count == 1:
            list(in_this_process(jobs, settings, lambda _: None, print))
        else:
            list(by_crew(Processes(settings, count), jobs, lambda _: None))
    assert not {*multiprocessing.active_children()} - before
