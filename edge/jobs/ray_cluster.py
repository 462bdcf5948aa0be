"""A crew of Ray's: jobs done by the machines of a cluster that share the files."""

import os
import platform
from collections.abc import Sequence
from functools import cache
from typing import Any, Self

from edge.backends.xnnpack.runtime import limit_threads
from edge.errors import BadInput, MissingDependency
from edge.jobs.job import Job, Result, Settings, do
from edge.upscaler import Upscaler


class RayCluster:
    """A crew of ``size`` Ray tasks, of a CPU each: on the cluster that RAY_ADDRESS names, else on one that is
    started on this machine. Raises MissingDependency without Ray."""

    def __init__(self, settings: Settings, size: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingDependency("expected Ray, found none: pip install 'liif-edge[ray]'") from error
        self.size = size
        self._ray: Any = ray
        self._settings = settings
        self._running: set[Any] = set()

    def __enter__(self) -> Self:
        address = os.environ.get("RAY_ADDRESS")
        self._ray.init(
            address=address or "local",
            num_cpus=None if address else self.size,
            include_dashboard=None if address else False,
            log_to_driver=False,
        )
        # Not again by Ray: who has begun a job, and what it left, is known here.
        self._do = self._ray.remote(max_retries=0, num_cpus=1)(_do)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for task in self._running:
                self._ray.cancel(task)  # raises KeyboardInterrupt there
        self._ray.shutdown()

    def start(self, jobs: Sequence[Job]) -> Any:
        """See ``Crew``."""
        task = self._do.remote(jobs, self._settings, os.getcwd())
        self._running.add(task)
        return task

    def wait(self, tasks: Sequence[Any]) -> Sequence[Any]:
        """See ``Crew``."""
        ended: Sequence[Any] = self._ray.wait(tasks)[0]
        return ended

    def results(self, task: Any) -> Sequence[Result] | None:
        """See ``Crew``."""
        self._running.discard(task)
        ended = self._ray.exceptions
        try:
            results: Sequence[Result] = self._ray.get(task)
            return results
        except ended.RayTaskError as error:
            raise error.cause from None
        except (ended.WorkerCrashedError, ended.NodeDiedError, ended.OutOfMemoryError):
            return None


def _do(jobs: Sequence[Job], settings: Settings, folder: str) -> list[Result]:
    """In the working ``folder`` of the run, so that paths mean, and read, what they do there."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise BadInput(
            f"{folder}: expected every machine of the cluster to have this folder, found {error.strerror} on "
            f"{platform.node()}"
        ) from error
    return do(jobs, settings, _upscaler(settings))


@cache
def _upscaler(settings: Settings) -> Upscaler:
    """Of this worker's process, for all its jobs, each of which has a CPU."""
    limit_threads(1)
    return settings.upscaler()
