"""Jobs on a Ray cluster of two workers on this machine."""

import os
from pathlib import Path

import pytest
from command_line import ROOT
from deadly import Deadly
from PIL import Image

from edge.errors import BadArtifact
from edge.jobs.job import Job, Settings, do
from edge.jobs.ray_cluster import RayCluster
from edge.jobs.workers import by_crew
from edge.run.target import ByFactor
from models.drawings import draw_sheet

pytest.importorskip("ray", reason="needs Ray: pip install 'liif-edge[ray]'")


@pytest.fixture(autouse=True)
def _importable(tmp_path, monkeypatch):
    """Workers find the package, and the tests' helpers, where this process does. Paths are relative."""
    monkeypatch.chdir(tmp_path)
    paths = (str(ROOT), str(ROOT / "tests" / "helpers"), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def picture(folder: Path, number: int, target: ByFactor) -> Job:
    source = folder / f"{number}.png"
    Image.fromarray(draw_sheet(30, 40, number)).save(source)
    return Job(source, Path("out", source.name), target)


def test_when_a_worker_is_killed_nothing_is_lost_and_nothing_done_twice(tiny, tmp_path):
    settings, deaths = Settings(artifact=tiny.artifact(2, "int8")), tmp_path / "deaths"
    deaths.touch()
    jobs = [picture(Path(), number, ByFactor()) for number in range(5)]
    jobs.insert(1, picture(Path(), 5, Deadly(deaths=deaths)))
    bad = Job(Path("bad.png"), Path("out/bad.png"), ByFactor())
    bad.source.write_text("no picture")
    begun: list[Job] = []
    results = list(by_crew(RayCluster(settings, 2), [*jobs, bad], begun.append))
    assert deaths.read_text() == "x" and len(begun) == 8
    assert sorted(result.job.source.name for result in results) == sorted(j.source.name for j in [*jobs, bad])
    (failed,) = (result for result in results if result.enlarged is None)
    upscaler = settings.upscaler()
    [here] = do([bad], settings, upscaler)
    assert failed.error == here.error and here.error.startswith("bad.png: expected a picture (PNG")
    for job in jobs:
        here = Job(job.source, Path("here", job.source.name), ByFactor())
        [result] = do([here], settings, upscaler)
        assert result.enlarged
        assert job.output.read_bytes() == here.output.read_bytes()


def test_an_artifact_that_is_none_ends_all(tmp_path):
    jobs, settings = [picture(tmp_path, 0, ByFactor())], Settings(artifact=tmp_path / "gone")
    with pytest.raises(BadArtifact, match=r"^\S*gone: expected an artifact folder, found nothing there$"):
        list(by_crew(RayCluster(settings, 2), jobs, lambda _: None))
