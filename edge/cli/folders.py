"""``upscale`` of several pictures and of folders: a line each, and why some failed at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edge.cli.terminal import Terminal
from edge.errors import CheckFailed
from edge.work import Work

if TYPE_CHECKING:
    from edge.jobs.job import Job, Result, Settings
    from edge.jobs.plan import Naming
    from edge.jobs.record import Record
    from edge.run.target import Target


@dataclass(frozen=True)
class FolderRun:
    """``inputs``, files and folders, into ``folder``. ``count``: pictures at a time, by processes of this
    machine or by the ``engine`` ray; ``force``: replace what is there; ``log``: a file for lines of JSON;
    ``dry``: say what would be done."""

    inputs: Sequence[Path]
    folder: Path
    targets: "Sequence[Target]"
    naming: "Naming"
    settings: "Settings"
    count: int = 1
    engine: Literal["processes", "ray"] = "processes"
    force: bool = False
    log: Path | None = None
    dry: bool = False


def upscale_folder(run: FolderRun, terminal: Terminal) -> int:
    """The pictures of ``run`` that no earlier run has done; the exit code is 1 where one of them fails."""
    from edge.jobs.log import JobLog
    from edge.jobs.plan import plan_jobs
    from edge.jobs.record import Record

    plan = plan_jobs(run.inputs, run.folder, run.targets, run.naming)
    for link in plan.again:
        terminal.log(f"{link}: a link to a folder that is there by another name, left out")
    if run.dry:
        to_do, done = Record.read(run.folder, run.settings).divide(plan.jobs, run.force)
        for job in to_do:
            terminal.print(f"{job.output}: from {job.source}")
        terminal.print(f"{run.folder}: {len(to_do)} to do, {len(done)} unchanged")
        return 0
    failed = list(plan.unreadable)
    try:
        with Record.open(run.folder, run.settings) as record, JobLog.open(run.log) as log:
            to_do, done = record.divide(plan.jobs, run.force)
            for job in done:
                log.unchanged(job)
            for result in terminal.track(run.folder.name, _results(run, to_do, record, terminal)):
                if result.enlarged is None:
                    record.fail(result.job)
                    failed.append(result.error)
                    terminal.print(f"{result.job.output}: failed")
                else:
                    record.finish(result.job)
                    for note in result.enlarged.notes:
                        terminal.log(f"{result.job.source}: {note}")
                    terminal.print(f"{result.job.output}: {result.enlarged}")
                log.ended(result)
        n_done = len(to_do) - (len(failed) - len(plan.unreadable))
        terminal.print(f"{run.folder}: {n_done} done, {len(done)} unchanged, {len(failed)} failed")
    finally:  # of a run that is ended early, too
        for error in dict.fromkeys(failed):  # all sizes of a picture may have one reason
            terminal.log(f"failed: {error}")
    return CheckFailed.exit_code if failed else 0


def _results(run: FolderRun, jobs: "Sequence[Job]", record: "Record", terminal: Terminal) -> "Work[Result]":
    from edge.jobs.job import by_picture
    from edge.jobs.ray_cluster import RayCluster
    from edge.jobs.workers import Processes, by_crew, in_this_process

    if run.engine == "ray":
        return Work(len(jobs), by_crew(RayCluster(run.settings, run.count), jobs, record.begin))
    count = min(run.count, len(by_picture(jobs)))
    if count > 1:
        return Work(len(jobs), by_crew(Processes(run.settings, count), jobs, record.begin))
    return Work(len(jobs), in_this_process(jobs, run.settings, record.begin, terminal.log))
