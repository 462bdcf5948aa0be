"""The command that searches for a smaller network."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge.backends.table import BACKENDS
from edge.card import Precision
from edge.cli.arguments import (
    Add,
    add_batches,
    add_calibration,
    add_checkpoint,
    add_data,
    add_integer_scale,
    add_json,
    add_precision,
    add_target,
    check_inputs,
    count,
    number,
)
from edge.cli.terminal import Terminal
from edge.errors import BadInput, CheckFailed
from edge.precisions import MIXED

if TYPE_CHECKING:
    from edge.tune.job import TuneJob
    from edge.tune.search import Findings


def add_parsers(add: Add) -> None:
    """Declare the command."""
    sub = add(
        "tune",
        tune,
        "--target xnnpack --max-loss 0.05",
    )
    add_checkpoint(sub)
    add_target(sub)
    add_integer_scale(sub)
    add_precision(sub)
    sub.add_argument("--max-loss", type=number, default=0.05, metavar="DB", help="largest PSNR-Y drop (0.05)")
    sub.add_argument("--by", choices=("time", "macs"), default="time", help="what to save (time)")
    sub.add_argument("--trials", type=count, default=20, help="of the whole study (20)")
    add_data(sub, "images instead of the built-in ones")
    add_calibration(sub)
    add_batches(sub)
    sub.add_argument("--out", type=Path, metavar="DIR", help="folder of the study; goes on there (runs/tune)")
    add_json(sub)


def tune(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The Pareto front of a search: a table, a plot, and recipes to go on with."""
    from edge.tune.job import TuneJob, split_pictures_of

    job = TuneJob(
        arguments.checkpoint,
        arguments.out or Path("runs") / "tune",
        arguments.target,
        _precisions(arguments),
        scale=arguments.scale,
        by=arguments.by,
        max_loss=arguments.max_loss,
        trials=arguments.trials,
        data=arguments.data,
        calibration=arguments.calibration,
        batches=arguments.batches,
    )
    check_inputs(job.checkpoint, job.calibration)
    split_pictures_of(job.data)
    from edge.tune.report import (
        HEADER,
        WORST_HEADER,
        as_json,
        commands_of,
        reasons,
        rows_of,
        worst_rows_of,
        write_plot,
        write_recipes,
    )
    from edge.tune.search import Search

    search = Search(job, terminal.log)
    for _ in terminal.track("importance", search.measure_importance()):
        pass
    findings = search.run()
    require_front(job, findings)
    folder = write_recipes(job, search.model, search.importance(), findings.front)
    plot = write_plot(job, findings)
    if arguments.json:
        terminal.json({**as_json(findings), "plot": str(plot), "recipes": str(folder)})
        return 0
    terminal.table(
        f"{job.target}, ×{job.scale}, at most {job.max_loss:g} dB lost, {findings.trials} trials",
        HEADER,
        rows_of(findings.front),
    )
    terminal.table(
        "the worst image, and pure colours, against the whole network in fp32",
        WORST_HEADER,
        worst_rows_of(findings.front),
    )
    for reason in reasons(findings):
        terminal.print(reason)
    terminal.print(f"{plot}: the same as a plot")
    for position, point in enumerate(findings.front, 1):
        terminal.print(f"{position}: {point.candidate}")
        for command in commands_of(job, point):
            terminal.print(f"   {command}")
    return 0


def _precisions(arguments: argparse.Namespace) -> tuple[Precision, ...]:
    """One if it was named; by time all; by multiplications, which say nothing of precision, the smallest."""
    precisions = BACKENDS[arguments.target].precisions
    every = tuple(precision for precision in precisions if precision != MIXED)
    if arguments.precision == MIXED:
        raise BadInput(f"expected a precision that all layers share, found {MIXED}; see sensitivity")
    if arguments.precision is not None:
        return (arguments.precision,)
    return every if arguments.by == "time" else every[-1:]


def require_front(job: "TuneJob", findings: "Findings") -> None:
    """Raises CheckFailed if nothing is within the loss, with the best that was found."""
    if findings.front:
        return
    losses = {point.candidate: point.measured.loss for point in findings.points}
    losses |= dict(findings.over)
    if not losses:
        candidate, error = findings.failed[-1]
        raise CheckFailed(f"expected programs that could be built, found none; {candidate}: {error}")
    best = min(losses, key=lambda candidate: losses[candidate])
    raise CheckFailed(
        f"expected a loss of at most {job.max_loss:g} dB, found at least {losses[best]:.3f} dB in "
        f"{findings.trials} trials ({best}); more --trials, or another --out with more --max-loss"
    )
