"""Who does jobs: this process, one after the other, or several processes at once."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from edge.backends.xnnpack.runtime import limit_threads
from edge.jobs.job import Job, Result, Settings, do
from edge.upscaler import Upscaler

# For the tile at hand, and to remove what was begun to be written.
SECONDS_TO_END = 5

# Told of each job right before it is begun.
Begin = Callable[[Job], None]


def in_this_process(
    jobs: Sequence[Job], settings: Settings, begin: Begin, log: Callable[[str], None]
) -> Iterator[Result]:
    """Each job is done when a loop comes to it. Raises what ``do`` raises."""
    upscaler = settings.upscaler(log)
    for job in jobs:
        begin(job)
        yield do(job, settings, upscaler)


def in_processes(jobs: Sequence[Job], settings: Settings, begin: Begin, count: int) -> Iterator[Result]:
    """Jobs are done by ``count`` processes, and come in the order in which they finish. Raises what ``do``
    raises.

    Where a process ends in the middle of a job, for want of memory or by a crash, another one does the job
    again; if that ends, too, the job has failed.
    """
    waiting, begun_before = deque(jobs), set[Job]()
    workers = [_Worker(settings, count) for _ in range(min(count, len(jobs)))]
    idle, running = list(workers), dict[Future[Result], tuple[Job, _Worker]]()
    try:
        while waiting or running:
            while waiting and idle:
                job, worker = waiting.popleft(), idle.pop()
                begin(job)
                running[worker.do(job)] = job, worker
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, worker = running.pop(future)
                idle.append(worker)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    worker.restart()
                    # What it may have written before it ended is ours.
                    again = replace(job, replace=True)
                    if job in begun_before:
                        reason = "the process that did it ended twice, by a crash or for want of memory"
                        yield Result(job, 0.0, error=f"{job.source}: expected a result, found that {reason}")
                    else:
                        begun_before.add(again)
                        waiting.appendleft(again)
    except BaseException:
        for worker in workers:
            worker.interrupt()
        raise
    finally:
        for worker in workers:
            worker.close()


class _Worker:
    """A process that does one job at a time, with programs of its own; ``count`` of them share the cores."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings, self._count = settings, count
        self.restart()

    def restart(self) -> None:
        # Not forked: a copy of a process whose threads hold locks may hang.
        context = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(1, context, _start, (self._settings, self._count))
        self._pid = self._executor.submit(os.getpid)

    def do(self, job: Job) -> Future[Result]:
        try:
            return self._executor.submit(_do, job)
        except BrokenProcessPool:  # it was killed while it waited
            self.restart()
            return self._executor.submit(_do, job)

    def interrupt(self) -> None:
        """End the job that is being done; what it has begun to write is removed."""
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


def _do(job: Job) -> Result:
    return do(job, _settings, _upscaler)


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
