"""The command that times: bench."""

import argparse
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edge.backends.table import DEFAULT_TARGET
from edge.card import Precision
from edge.card_reader import read_card
from edge.cli.arguments import Add, add_checkpoint, add_integer_scale, add_json, check_inputs, count
from edge.cli.terminal import Terminal
from edge.devices.machine import describe_machine
from edge.errors import BadInput
from edge.json_measures import finite
from edge.recipe import DEFAULT_TILE, ArtifactSpec

if TYPE_CHECKING:
    from edge.backends.xnnpack.profile import Operator


def add_parsers(add: Add) -> None:
    """Declare the commands of this file."""
    sub = add("bench", bench, "--tile 128")
    sub.add_argument(
        "artifacts", type=Path, nargs="*", metavar="ARTIFACT", help="time these, too, beside the others"
    )
    add_checkpoint(sub)
    add_integer_scale(sub)
    sub.add_argument("--tile", type=count, default=DEFAULT_TILE, help=f"LR pixels ({DEFAULT_TILE})")
    sub.add_argument("--repeats", type=count, default=5, help="runs of which the median is taken (5)")
    of = sub.add_mutually_exclusive_group()
    of.add_argument("--peers", action="store_true", help="time other engines, too, as far as installed")
    of.add_argument(
        "--profile", action="store_true", help="where a program's time goes, by operator, instead"
    )
    add_json(sub)


def bench(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The forms of the network, timed side by side, or the operators of a program."""
    if not 1 <= arguments.tile <= DEFAULT_TILE:
        raise BadInput(f"expected a tile of 1 to {DEFAULT_TILE} pixels, found {arguments.tile}")
    own = {str(path): _timed_program(path, arguments) for path in arguments.artifacts}
    check_inputs(arguments.checkpoint)
    return (_profile if arguments.profile else _compare)(own, arguments, terminal)


def _compare(own: dict[str, Path], arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Every form in one run, and the artifacts of the command line."""
    from edge.evaluate.benchmark import EAGER, BenchJob, bench, eager_forms, rows_of
    from edge.evaluate.forms import ProgramForm

    precisions: tuple[Precision, ...] = ("fp32", "int8")
    programs = {f"pte-{precision}": _own_program(precision, arguments, terminal) for precision in precisions}
    forms = eager_forms(arguments.checkpoint, arguments.scale)
    forms |= {name: ProgramForm(program) for name, program in (programs | own).items()}
    with TemporaryDirectory() as folder:
        if arguments.peers:
            from edge.evaluate.peers.table import peer_forms
            from models import load_checkpoint

            model = load_checkpoint(arguments.checkpoint)
            forms |= peer_forms(model, arguments.scale, arguments.tile, Path(folder), terminal.log)
        job = BenchJob(forms, arguments.scale, arguments.tile, arguments.repeats)
        rows = rows_of(job, terminal.track("bench", bench(job)))
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


def _profile(own: dict[str, Path], arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The operators of every artifact of the command line, or of the checkpoint's int8 program."""
    from edge.backends.xnnpack.profile import by_kind, profile_program
    from edge.evaluate.benchmark import timed_tile

    tile, described = timed_tile(arguments.tile), {}
    for name, program in (own or {"pte-int8": _own_program("int8", arguments, terminal)}).items():
        profile = profile_program(program, "forward", {"lr": tile}, arguments.repeats)
        described[name] = asdict(profile)
        if arguments.json:
            continue
        counted = sum(operator.milliseconds for operator in profile.operators)
        rows = [
            [
                kind.kind,
                str(calls),
                f"{kind.milliseconds:.2f}",
                f"{kind.milliseconds / counted:.1%}",
                _rate(kind),
            ]
            for kind, calls in by_kind(profile.operators)
        ]
        terminal.table(
            f"{name}: {profile.milliseconds:.1f} ms a run on a {arguments.tile}x{arguments.tile} tile, "
            f"{counted:.1f} of them in operators; medians of {arguments.repeats} runs",
            ["operator", "calls", "ms", "share", "10⁹ multiplications/s"],
            rows,
        )
    if arguments.json:
        terminal.json({"machine": describe_machine(), "programs": described})
    return 0


def _rate(operator: "Operator") -> str:
    """In 10⁹ multiplications a second; empty for what multiplies nothing."""
    if not operator.multiplications:
        return ""
    return f"{operator.multiplications / operator.milliseconds / 1e6:.0f}"


def _own_program(precision: Precision, arguments: argparse.Namespace, terminal: Terminal) -> Path:
    """The checkpoint's own, built on first use."""
    from edge.cache import cached_artifact

    spec = ArtifactSpec(arguments.scale, precision)
    return _timed_program(cached_artifact(arguments.checkpoint, spec, terminal.log), arguments)


def _timed_program(folder: Path, arguments: argparse.Namespace) -> Path:
    """The ``.pte`` of an artifact that ``bench`` can run. Raises BadInput if it is another kind."""
    card, wanted = read_card(folder), (DEFAULT_TARGET, arguments.scale)
    if (card.target, card.scale) != wanted or card.tile.maximum < arguments.tile:
        raise BadInput(
            f"{folder}: expected an artifact for {DEFAULT_TARGET} at ×{arguments.scale} that takes tiles of "
            f"{arguments.tile}, found one for {card.target} at {card.scale} that takes {card.tile.maximum}"
        )
    return folder / card.methods[0].program
