"""Time and memory of the network's forms on this machine, in one run, side by side."""

import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from edge.backends.xnnpack.runtime import HostProgram, runtime_binding
from edge.errors import BadInput, CheckFailed
from edge.work import Work
from models import LIIF, FixedScaleLIIF, load_checkpoint

# The first rows, slowest first; ratios are to the first.
EAGER = ("eager-upstream", "eager-fixed")


@dataclass(frozen=True)
class BenchRow:
    """Median milliseconds per output megapixel; peak memory in MB above the process with its libraries
    loaded; how many times as fast as the first row."""

    name: str
    ms_per_megapixel: float
    peak_mb: float
    ratio: float


@dataclass(frozen=True)
class BenchJob:
    """What to run: a checkpoint at ``scale`` in PyTorch, and ``.pte`` programs, on one square tile."""

    checkpoint: Path
    programs: dict[str, Path]  # by the name of the row
    scale: int
    tile: int  # LR pixels
    repeats: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of all rows."""
        return (*EAGER, *self.programs)


@dataclass(frozen=True)
class Run:
    """One run of the row ``name``, in a turn from 0, which warms up; ``peak_mb``: of its process so far."""

    name: str
    turn: int
    seconds: float
    peak_mb: float


def bench(job: BenchJob) -> Work[Run]:
    """Runs of every row of ``job.names``. Each has a process of its own, so that peak memory is its own too;
    they take turns, one run each, so that noise of the machine meets all of them alike.

    Raises BadInput for nothing to run, and CheckFailed if a process dies.
    """
    if job.repeats < 1 or job.tile < 1:
        raise BadInput(f"expected at least 1 repeat and 1 pixel, found {job.repeats} and {job.tile}")
    return Work(len(job.names) * (job.repeats + 1), _take_turns(job))


def rows_of(job: BenchJob, runs: Iterable[Run]) -> list[BenchRow]:
    """A row for each of ``job.names``, of all ``runs`` of ``bench``."""
    times: dict[str, list[float]] = {name: [] for name in job.names}
    peaks: dict[str, float] = {}
    for run in runs:
        peaks[run.name] = run.peak_mb
        if run.turn:
            times[run.name].append(run.seconds)
    megapixels = (job.scale * job.tile) ** 2 / 1e6
    medians = {name: 1000 * statistics.median(times[name]) / megapixels for name in job.names}
    first = medians[EAGER[0]]
    return [BenchRow(name, ms, peaks[name], first / ms) for name, ms in medians.items()]


def _take_turns(job: BenchJob) -> Iterator[Run]:
    context = multiprocessing.get_context("spawn")
    workers = []
    try:
        for name in job.names:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(name, job, theirs), daemon=True)
            process.start()
            theirs.close()
            workers.append((name, process, ours))
        for turn in range(job.repeats + 1):
            for name, _, pipe in workers:
                yield Run(name, turn, *_run(name, pipe))
    finally:
        for _, process, pipe in workers:
            pipe.close()
            process.terminate()
            process.join()


def _run(name: str, pipe: "Connection[str, tuple[float, float]]") -> tuple[float, float]:
    try:
        pipe.send("run")
        return pipe.recv()
    except (EOFError, OSError) as error:  # which of them depends on when it ended
        raise CheckFailed(f"{name}: expected a time, found that its process had ended") from error


def _work(name: str, job: BenchJob, pipe: "Connection[tuple[float, float], str]") -> None:
    """In a process of its own: load, then answer every message with (seconds, peak MB so far)."""
    torch.set_num_threads(os.cpu_count() or 1)  # as many as ExecuTorch's runtime takes
    tile = np.random.default_rng(0).random((1, 3, job.tile, job.tile), dtype=np.float32)
    runtime_binding()  # its libraries belong to no row's memory
    idle = _peak_mb()
    run = _runner(name, job, tile)
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        start = time.perf_counter()
        run()
        pipe.send((time.perf_counter() - start, _peak_mb() - idle))


def _runner(
    name: str, job: BenchJob, tile: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> Callable[[], object]:
    if name in job.programs:
        program = HostProgram(job.programs[name])
        return lambda: program.run("forward", {"lr": tile})
    model: LIIF = load_checkpoint(job.checkpoint)
    tensor = torch.from_numpy(tile)
    size = (job.scale * job.tile, job.scale * job.tile)
    fixed = FixedScaleLIIF(model, job.scale)

    def eager() -> torch.Tensor:
        with torch.no_grad():
            out: torch.Tensor = model(tensor, size) if name == "eager-upstream" else fixed(tensor)
            return out

    return eager


def _peak_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    if sys.platform == "linux":
        # Not getrusage: Linux lets a new process inherit its parent's peak.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
