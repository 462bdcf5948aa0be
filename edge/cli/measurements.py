"""The commands that measure: eval and bench."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.backends.table import DEFAULT_TARGET
from edge.card_reader import read_card
from edge.cli.arguments import (
    Add,
    add_artifact,
    add_checkpoint,
    add_integer_scale,
    add_json,
    check_inputs,
    count,
)
from edge.cli.terminal import Terminal, finite
from edge.errors import BadInput
from edge.recipe import DEFAULT_TILE, ArtifactSpec


def add_parsers(add: Add) -> None:
    """Declare the commands of this file."""
    _add_eval(add)
    _add_bench(add)


def _add_eval(add: Add) -> None:
    sub = add(
        "eval",
        evaluate,
        "dist/liif-x2-int8-xnnpack --data Set5",
    )
    add_artifact(sub)
    measured = sub.add_mutually_exclusive_group(required=True)
    measured.add_argument("--data", type=Path, metavar="DIR", help="*_HR/*_LR pairs, or HR alone")
    measured.add_argument("--details", action="store_true", help="edges, flat parts and legibility instead")
    sub.add_argument(
        "--degraded", action="store_true", help="with --data: its HR reduced by other filters, saved as JPEG"
    )
    sub.add_argument("--save", type=Path, metavar="DIR", help="with --details: write its pages, to look at")
    add_integer_scale(sub, None, "for any-scale artifacts (2)")
    add_checkpoint(sub)
    add_json(sub)


def evaluate(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Scores on a folder of test pictures, as they are or degraded, or on drawn pages of text and icons."""
    if arguments.degraded and arguments.details:
        raise BadInput("expected --data with --degraded, found --details")
    if arguments.save is not None:
        if not arguments.details:
            raise BadInput("expected --details with --save, found --data")
        from edge.check.device_outputs import check_export

        check_export(arguments.save)
    check_inputs(arguments.checkpoint, arguments.data)
    from edge.run.artifact import Artifact, load_network

    artifact = Artifact.open(arguments.artifact)
    card_scale = artifact.card.scale
    scale = arguments.scale or (2 if card_scale == "any" else card_scale)
    if card_scale not in ("any", scale):
        raise BadInput(f"expected --scale {card_scale}, the artifact's, found {scale}")
    from edge.cli.scores import evaluate_degraded, evaluate_details, evaluate_pictures

    model = load_network(artifact.card, arguments.checkpoint)
    if arguments.details:
        return evaluate_details(arguments, artifact, model, scale, terminal)
    if arguments.degraded:
        return evaluate_degraded(arguments, artifact, model, scale, terminal)
    return evaluate_pictures(arguments, artifact, model, scale, terminal)


def _add_bench(add: Add) -> None:
    sub = add("bench", bench, "--tile 128")
    sub.add_argument(
        "artifacts", type=Path, nargs="*", metavar="ARTIFACT", help="time these, too, beside the others"
    )
    add_checkpoint(sub)
    add_integer_scale(sub)
    sub.add_argument("--tile", type=count, default=DEFAULT_TILE, help=f"LR pixels ({DEFAULT_TILE})")
    sub.add_argument("--repeats", type=count, default=5, help="runs of which the median is taken (5)")
    sub.add_argument(
        "--peers", action="store_true", help="and other engines on the same weights, as far as installed"
    )
    add_json(sub)


def bench(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The forms of the network, timed side by side."""
    if not 1 <= arguments.tile <= DEFAULT_TILE:
        raise BadInput(f"expected a tile of 1 to {DEFAULT_TILE} pixels, found {arguments.tile}")
    own = {str(path): _timed_program(path, arguments.scale, arguments.tile) for path in arguments.artifacts}
    check_inputs(arguments.checkpoint)
    from edge.cache import cached_artifact
    from edge.devices.machine import describe_machine
    from edge.evaluate.benchmark import EAGER, BenchJob, eager_forms, rows_of
    from edge.evaluate.benchmark import bench as run_bench
    from edge.evaluate.forms import ProgramForm

    specs = {
        "pte-fp32": ArtifactSpec(arguments.scale, "fp32"),
        "pte-int8": ArtifactSpec(arguments.scale, "int8"),
    }
    programs = {
        name: _timed_program(
            cached_artifact(arguments.checkpoint, spec, terminal.log), arguments.scale, arguments.tile
        )
        for name, spec in specs.items()
    }
    forms = eager_forms(arguments.checkpoint, arguments.scale)
    forms |= {name: ProgramForm(program) for name, program in (programs | own).items()}
    with TemporaryDirectory() as folder:
        if arguments.peers:
            from edge.evaluate.peers.table import peer_forms
            from models import load_checkpoint

            model = load_checkpoint(arguments.checkpoint)
            forms |= peer_forms(model, arguments.scale, arguments.tile, Path(folder), terminal.log)
        job = BenchJob(forms, arguments.scale, arguments.tile, arguments.repeats)
        rows = rows_of(job, terminal.track("bench", run_bench(job)))
    if arguments.json:
        terminal.json({"machine": describe_machine(), "rows": [finite(row) for row in rows]})
        return 0
    terminal.table(
        f"×{job.scale}, {job.tile}x{job.tile} tile: median of {job.repeats} runs, per output megapixel",
        ["form", "ms/MP", "peak MB", "ratio", "from fp32"],
        [
            [
                row.name,
                f"{row.ms_per_megapixel:.0f}",
                f"{row.peak_mb:.0f}",
                f"{row.ratio:.1f}×",
                "" if row.name in EAGER else f"{row.distance_db:.1f} dB",
            ]
            for row in rows
        ],
    )
    return 0


def _timed_program(folder: Path, scale: int, tile: int) -> Path:
    """The ``.pte`` of an artifact that ``bench`` can run. Raises BadInput if it is another kind."""
    card, target = read_card(folder), DEFAULT_TARGET
    if (card.target, card.scale) != (target, scale) or card.tile.maximum < tile:
        raise BadInput(
            f"{folder}: expected an artifact for {target} at ×{scale} that takes tiles of {tile}, found one "
            f"for {card.target} at {card.scale} that takes {card.tile.maximum}"
        )
    return folder / card.methods[0].program
