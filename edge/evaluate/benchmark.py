"""Time and memory of the network's forms on this machine, in one run, side by side."""

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from edge.errors import BadInput, CheckFailed
from edge.evaluate.forms import EagerForm, Form
from edge.images.metrics import psnr
from edge.images.pictures import sample_pictures
from edge.work import Work
from models.arrays import Float

# The first rows, slowest first: ratios are to the first, distances from the second.
EAGER = ("eager-upstream", "eager-fixed")


@dataclass(frozen=True)
class BenchRow:
    """Median milliseconds per output megapixel; peak memory in MB above the process with its libraries
    loaded; how many times as fast as the first row; PSNR in dB of its output against fp32's, infinite for
    fp32 itself."""

    name: str
    ms_per_megapixel: float
    peak_mb: float
    ratio: float
    distance_db: float


@dataclass(frozen=True)
class BenchJob:
    """What to run on one square tile of a photograph, by the names of the rows."""

    forms: Mapping[str, Form]
    scale: int
    tile: int  # LR pixels
    repeats: int


@dataclass(frozen=True)
class Run:
    """One run of the row ``name``, in a turn from 0, which warms up; ``peak_mb``: of its process so far;
    ``output``: (1, 3, H, W)."""

    name: str
    turn: int
    seconds: float
    peak_mb: float
    output: Float


def eager_forms(checkpoint: Path, scale: int) -> dict[str, Form]:
    """Those of ``EAGER``."""
    return {name: EagerForm(checkpoint, scale, published=name == EAGER[0]) for name in EAGER}


def bench(job: BenchJob) -> Work[Run]:
    """Runs of every one of ``job.forms``. Each has a process of its own, so that peak memory is its own too;
    they take turns, one run each, so that noise of the machine meets all of them alike.

    Raises BadInput for nothing to run, and CheckFailed if a process dies.
    """
    if job.repeats < 1 or job.tile < 1:
        raise BadInput(f"expected at least 1 repeat and 1 pixel, found {job.repeats} and {job.tile}")
    return Work(len(job.forms) * (job.repeats + 1), _take_turns(job))


def rows_of(job: BenchJob, runs: Iterable[Run]) -> list[BenchRow]:
    """A row for each of ``job.forms``, of all ``runs`` of ``bench``."""
    times: dict[str, list[float]] = {name: [] for name in job.forms}
    peaks: dict[str, float] = {}
    outputs: dict[str, Float] = {}
    for run in runs:
        peaks[run.name], outputs[run.name] = run.peak_mb, run.output
        if run.turn:
            times[run.name].append(run.seconds)
    megapixels = (job.scale * job.tile) ** 2 / 1e6
    medians = {name: 1000 * statistics.median(times[name]) / megapixels for name in job.forms}
    first, fp32 = medians[EAGER[0]], outputs[EAGER[1]]
    return [
        BenchRow(name, ms, peaks[name], first / ms, psnr(outputs[name], fp32)) for name, ms in medians.items()
    ]


def timed_tile(side: int) -> Float:
    """(1, 3, side, side) in [0, 1] of the sample photograph, up to 256 pixels a side."""
    _, (_, photograph) = sample_pictures(side)
    return np.ascontiguousarray(photograph[None, :, :side, :side])


def _take_turns(job: BenchJob) -> Iterator[Run]:
    context = multiprocessing.get_context("spawn")
    tile = timed_tile(job.tile)
    workers = []
    try:
        for name, form in job.forms.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(form, theirs), daemon=True)
            process.start()
            theirs.close()
            workers.append((name, process, ours))
        for turn in range(job.repeats + 1):
            for name, _, pipe in workers:
                yield Run(name, turn, *_run(name, tile, pipe))
    finally:
        for _, process, pipe in workers:
            pipe.close()
            process.terminate()
            process.join()


def _run(
    name: str, tile: Float, pipe: "Connection[Float, tuple[float, float, Float]]"
) -> tuple[float, float, Float]:
    try:
        # Not with the process's start, which waits for ever if it ends before it has read so much.
        pipe.send(tile)
        return pipe.recv()
    except (EOFError, OSError) as error:  # which of them depends on when it ended
        raise CheckFailed(f"{name}: expected a time, found that its process had ended") from error


def _work(form: Form, pipe: "Connection[tuple[float, float, Float], Float]") -> None:
    """In a process of its own: load, then answer every tile with (seconds, peak MB so far, output)."""
    form.import_libraries()
    idle = _peak_mb()
    run = form.load()
    while True:
        try:
            tile = pipe.recv()
        except EOFError:
            return
        start = time.perf_counter()
        output = run(tile)
        pipe.send((time.perf_counter() - start, _peak_mb() - idle, output))


def _peak_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    if sys.platform == "linux":
        # Not getrusage: Linux lets a new process inherit its parent's peak.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
