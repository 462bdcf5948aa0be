"""Who does jobs: this process, one after the other, or a crew of several at once."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol, Self, TypeVar

from edge.backends.xnnpack.runtime import limit_threads
from edge.jobs.job import Job, Result, Settings, by_picture, do
from edge.upscaler import Upscaler

# For the tile at hand, and to remove what was begun to be written.
SECONDS_TO_END = 5

# Told of each job right before it is begun.
Begin = Callable[[Job], None]

Task = TypeVar("Task", bound=Hashable)


class Crew(AbstractContextManager["Crew[Task]"], Protocol[Task]):
    """``size`` workers that do the jobs of a picture each at a time. None works when the block ends; where an
    error ends it, what is being done is interrupted."""

    size: int

    def start(self, jobs: Sequence[Job]) -> Task:
        """Give ``jobs`` of a picture to a worker that has none."""
        ...

    def wait(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those that have ended, of which there is at least one."""
        ...

    def results(self, task: Task) -> Sequence[Result] | None:
        """Of a task that has ended; None where its worker ended in the middle. Raises what ``do`` raises."""
        ...


def in_this_process(
    jobs: Sequence[Job], settings: Settings, begin: Begin, log: Callable[[str], None]
) -> Iterator[Result]:
    """The jobs of each picture are done when a loop comes to the first. Raises what ``do`` raises."""
    upscaler = settings.upscaler(log)
    for of_one in by_picture(jobs):
        for job in of_one:
            begin(job)
        yield from do(of_one, settings, upscaler)


def by_crew(crew: Crew[Task], jobs: Sequence[Job], begin: Begin) -> Iterator[Result]:
    """Pictures come in the order in which the workers of ``crew`` finish them. Raises what ``do`` raises.

    Where a worker ends in the middle of a picture, for want of memory or by a crash, another one does its
    jobs again; if that ends, too, they have failed.
    """
    waiting, begun_before = deque(by_picture(jobs)), set[tuple[Job, ...]]()
    running: dict[Task, tuple[Job, ...]] = {}
    with crew:
        while waiting or running:
            while waiting and len(running) < crew.size:
                of_one = waiting.popleft()
                for job in of_one:
                    begin(job)
                running[crew.start(of_one)] = of_one
            for task in crew.wait(list(running)):
                of_one = running.pop(task)
                results = crew.results(task)
                if results is not None:
                    yield from results
                elif of_one in begun_before:
                    found = "that the process which did it ended twice, by a crash or for want of memory"
                    for job in of_one:
                        yield Result(job, 0.0, error=f"{job.source}: expected a result, found {found}")
                else:
                    # What it may have written before it ended is ours.
                    again = tuple(replace(job, replace=True) for job in of_one)
                    begun_before.add(again)
                    waiting.appendleft(again)


class Processes:
    """A crew of ``size`` processes of this machine, each of programs and cores of its own."""

    def __init__(self, settings: Settings, size: int) -> None:
        self.size = size
        self._settings = settings
        self._workers: list[_Worker] = []
        self._at_work: dict[Future[list[Result]], _Worker] = {}

    def __enter__(self) -> Self:
        self._workers = [_Worker(self._settings, self.size) for _ in range(self.size)]
        self._idle = list(self._workers)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for worker in self._workers:
                worker.interrupt()
        for worker in self._workers:
            worker.close()

    def start(self, jobs: Sequence[Job]) -> Future[list[Result]]:
        """See ``Crew``."""
        worker = self._idle.pop()
        task = worker.do(jobs)
        self._at_work[task] = worker
        return task

    def wait(self, tasks: Sequence[Future[list[Result]]]) -> Sequence[Future[list[Result]]]:
        """See ``Crew``."""
        return list(wait(tasks, return_when=FIRST_COMPLETED).done)

    def results(self, task: Future[list[Result]]) -> Sequence[Result] | None:
        """See ``Crew``."""
        worker = self._at_work.pop(task)
        self._idle.append(worker)
        try:
            return task.result()
        except BrokenProcessPool:
            worker.restart()
            return None


class _Worker:
    """A process that does the jobs of one picture at a time; ``count`` of them share the cores."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings, self._count = settings, count
        self.restart()

    def restart(self) -> None:
        # Not forked: a copy of a process whose threads hold locks may hang.
        context = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(1, context, _start, (self._settings, self._count))
        self._pid = self._executor.submit(os.getpid)

    def do(self, jobs: Sequence[Job]) -> Future[list[Result]]:
        try:
            return self._executor.submit(_do, jobs)
        except BrokenProcessPool:  # it was killed while it waited
            self.restart()
            return self._executor.submit(_do, jobs)

    def interrupt(self) -> None:
        """End what is being done; what it has begun to write is removed."""
        if self._pid.done() and not self._pid.exception():
            os.kill(self._pid.result(), signal.SIGTERM)

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)


# Of a worker's process, from its start.
_settings: Settings
_upscaler: Upscaler


def _start(settings: Settings, count: int) -> None:
    global _settings, _upscaler
    _settings, _upscaler = settings, settings.upscaler()
    # Ctrl-C reaches every process of a terminal; the first one alone decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupted)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit_threads(max(1, (os.cpu_count() or 1) // count))


def _do(jobs: Sequence[Job]) -> list[Result]:
    return do(jobs, _settings, _upscaler)


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # it was started by one
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(1)
