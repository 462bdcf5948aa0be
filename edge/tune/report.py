"""What a search found, for people: rows of a table, a plot, and recipes to go on with."""

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from edge.backends.table import BACKENDS
from edge.check.report import TEMPLATES
from edge.output_file import whole_folder, write_report
from edge.tune.candidate import make_network
from edge.tune.job import TuneJob
from edge.tune.search import Findings, Point
from models import LIIF, save_checkpoint
from models.liif.pruning import Importance
from models.training.recipe_file import RECIPES

FRONT, ORIGINAL, PLOT_FILE = "front", "original.safetensors", "front.svg"

# The plot, in its own units. The right margin has room for the last tick's label.
WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 72, 30, 78, 58
LABEL_WIDTH = 14  # of two digits

# Of one precision after the other, told apart by people who see no red or no green (Okabe and Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

HEADER = ["", "network", "PSNR-Y", "loss", "bytes", "MACs/px", "ms/MP"]  # in 80 columns
WORST_HEADER = ["", "largest loss", "of", "worst block of 255", "flat"]


def rows_of(points: Sequence[Point]) -> list[list[str]]:
    """A row of ``HEADER`` for each point, numbered from 1."""
    return [
        [
            str(number),
            point.candidate.name,
            f"{point.measured.psnr_y:.3f}",
            f"{point.measured.loss:.3f}",
            str(point.measured.bytes),
            str(point.measured.macs),
            "-" if point.ms is None else f"{point.ms:.0f}",
        ]
        for number, point in enumerate(points, 1)
    ]


def worst_rows_of(points: Sequence[Point]) -> list[list[str]]:
    """A row of ``WORST_HEADER`` for each point, numbered as in ``rows_of``."""
    worst = [point.measured.worst for point in points]
    return [
        [str(number), f"{w.loss:.3f}", w.picture, f"{w.block:.2f}", f"{w.flat:.2f}"]
        for number, w in enumerate(worst, 1)
    ]


def as_json(findings: Findings) -> dict[str, object]:
    """The same for machines: the front, and everything else that was tried."""

    def flat(point: Point) -> dict[str, object]:
        measured = {**asdict(point.measured), "ms_per_megapixel": point.ms}
        return {"name": point.candidate.name, **asdict(point.candidate), **measured}

    return {
        "front": [flat(point) for point in findings.front],
        "built": [flat(point) for point in findings.points],
        "not_built": [{**asdict(c), "loss_in_fp32": loss} for c, loss in findings.over],
        "failed": [{**asdict(c), "error": error} for c, error in findings.failed],
    }


def reasons(findings: Findings) -> list[str]:
    """Why candidates are not on the front although their loss in fp32 is no reason: a line for each whose
    program left its precision's thresholds, pure colours among them."""
    return [f"not on the front: {candidate}: {error}" for candidate, error in findings.failed]


def write_recipes(job: TuneJob, model: LIIF, importance: Importance, front: Sequence[Point]) -> Path:
    """The folder ``front``: for each point its network and a recipe to fine-tune it by, and what it is
    distilled from. Whole or not at all; an earlier one is replaced."""
    folder = job.out / FRONT
    with whole_folder(folder, force=True) as content:
        save_checkpoint(model, content / ORIGINAL)
        for point in front:
            name = point.candidate.name
            network = make_network(model, importance, point.candidate, job.scale)
            save_checkpoint(network, content / f"{name}.safetensors")
            recipe = _distil_recipe(f"{name}.safetensors", ORIGINAL)
            (content / f"{name}.toml").write_text(recipe, encoding="utf-8")
    return folder


def commands_of(job: TuneJob, point: Point) -> list[str]:
    """Shell commands: fine-tune the point's network, and build it as it was measured."""
    c = point.candidate
    start = job.out / FRONT / c.name
    data = "DIR" if job.data is None else str(job.data)
    train = ["liif-edge", "train", f"{start}.toml", "--data", data]
    build = ["liif-edge", "build", "--checkpoint", f"{start}.safetensors", "--scale", str(job.scale)]
    build += ["--precision", c.precision, "--target", job.target, "--out", str(Path("dist") / c.name)]
    if job.calibration is not None:
        build += ["--calibration", str(job.calibration)]
    return [shlex.join(train), shlex.join(build)]


def write_plot(job: TuneJob, findings: Findings) -> Path:
    """``front.svg``: every point that was built, the front joined and numbered as in the table."""
    path = job.out / PLOT_FILE
    write_report(path, render_plot(job, findings))
    return path


def render_plot(job: TuneJob, findings: Findings) -> str:
    """Loss over what is minimised beside it, on a logarithmic axis: an SVG that needs nothing else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    colours = dict(zip(BACKENDS[job.target].precisions, COLOURS, strict=False))
    costs = {point: _cost(job, point) for point in findings.points}
    losses = [point.measured.loss for point in findings.points]
    low_cost, high_cost = min(costs.values()) / 1.12, max(costs.values()) * 1.12
    low, high = min(0.0, *losses), max(1.08 * max(losses), 1.25 * job.max_loss, 1e-3)
    low -= 0.08 * (high - low)

    def x(cost: float) -> float:
        share = math.log(cost / low_cost) / math.log(high_cost / low_cost)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(loss: float) -> float:
        return round(HEIGHT - BOTTOM - (loss - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    numbers = {point: number for number, point in enumerate(findings.front, 1)}
    labels: dict[Point, int] = {}  # how far below its mark a number stands
    for before, point in zip((None, *findings.front), findings.front, strict=False):
        near = before is not None and x(costs[point]) - x(costs[before]) < LABEL_WIDTH
        labels[point] = 20 if before is not None and near and labels[before] < 0 else -11
    marks = [
        {
            "x": x(cost),
            "y": y(point.measured.loss),
            "colour": colours[point.candidate.precision],
            "local_ensemble": point.candidate.local_ensemble,
            "number": numbers.get(point),
            "label": labels.get(point),
            "title": f"{point.candidate}: {point.measured.loss:.3f} dB",
        }
        for point, cost in sorted(costs.items(), key=lambda item: item[0] in numbers)
    ]
    return environment.get_template("front.svg").render(
        job=job,
        box={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT}
        | {"top": TOP, "bottom": HEIGHT - BOTTOM},
        marks=marks,
        front=" ".join(f"{x(costs[point])},{y(point.measured.loss)}" for point in findings.front),
        colours={precision: colours[precision] for precision in job.precisions},
        ensembles=sorted({point.candidate.local_ensemble for point in findings.points}, reverse=True),
        x_ticks=[(x(value), f"{value:g}") for value in _log_ticks(low_cost, high_cost)],
        y_ticks=[(y(value), text) for value, text in _ticks(low, high)],
        limit=y(job.max_loss),
        not_built=len(findings.over) + len(findings.failed),
        trials=findings.trials,
        front_size=len(findings.front),
    )


def _cost(job: TuneJob, point: Point) -> float:
    cost = point.measured.macs / 1e6 if job.by == "macs" else point.ms
    assert cost is not None  # the job was checked
    return cost


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """About five round values in [low, high], as they are written."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= 6)
    digits = max(0, -math.floor(math.log10(step)))
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(number * step, f"{number * step:.{digits}f}") for number in numbers]


def _log_ticks(low: float, high: float) -> list[float]:
    """Round values in [low, high]: of one, two or five, or of all digits where that is too few."""
    for digits in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [d * 10.0**e for e in exponents for d in digits if low <= d * 10.0**e <= high]
        if len(found) >= 3:
            break
    return found


def _distil_recipe(start: str, teacher: str) -> str:
    """The recipe ``distil`` with other checkpoints, in the recipe's own folder."""
    text = (RECIPES / "distil.toml").read_text(encoding="utf-8")
    for name, file in {"start": start, "teacher": teacher}.items():
        text, count = re.subn(rf'^{name} = ".*"$', f'{name} = "{file}"', text, flags=re.MULTILINE)
        assert count == 1
    return text
