"""Enlargements that wait, run and end: at most so many at once."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Literal

from edge.page.enlargement import Numbers, Order, Progress
from edge.page.worker import Failure, Message, Note, Stopped, Worker

NOT_BEGUN = Progress(0, 0, 0)

State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass
class Job:
    """One enlargement. ``on_change`` is called from another thread whenever something of it has changed;
    ``reason``: why its weights suit the picture, empty where they were asked for; ``ended``: is set when
    nothing more will change."""

    number: int
    order: Order
    on_change: Callable[["Job"], None]
    reason: str = ""
    state: State = "waiting"
    progress: Progress = NOT_BEGUN
    seconds_left: float | None = None
    note: str = ""
    numbers: Numbers | None = None
    is_defect: bool = False
    cancelled: Event = field(default_factory=Event)
    ended: Event = field(default_factory=Event)
    _started: float = 0.0

    def take(self, message: Message) -> None:
        """What its worker says, or said of its end."""
        match message:
            case Progress(done, total):
                now = time.monotonic()
                if not done:
                    self.state, self._started, self.note = "running", now, ""
                self.progress = message
                self.seconds_left = (now - self._started) / done * (total - done) if done else None
            case Note(text):
                self.state, self.note = "running", text
            case Numbers():
                self.state, self.numbers, self.seconds_left = "done", message, None
            case Failure(text, is_defect):
                self.state, self.note, self.is_defect = "failed", text, is_defect
            case Stopped():
                self.state, self.note = "cancelled", ""
        if self.state in ("done", "failed", "cancelled"):
            self.ended.set()
        self.on_change(self)


class JobQueue:
    """Runs jobs in the order of their coming, ``at_once`` of them at a time, each in a process."""

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="job")
        self._workers = [Worker() for _ in range(at_once)]
        self._idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(at_once):
            self._idle.put(number)
        self._closed = False

    def add(self, job: Job) -> None:
        """Let ``job`` wait for its turn."""
        self._threads.submit(self._run, job)

    def close(self) -> None:
        """End all processes, and with them all jobs; those that wait never start."""
        self._closed = True
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.close()
        self._threads.shutdown()

    def _run(self, job: Job) -> None:
        if self._closed or job.cancelled.is_set():
            job.take(Stopped())
            return
        number = self._idle.get()
        if self._workers[number].has_ended:
            self._workers[number] = Worker()
        for message in self._workers[number].run(job.order, job.cancelled):
            job.take(Stopped() if job.cancelled.is_set() and isinstance(message, Failure) else message)
        self._idle.put(number)
