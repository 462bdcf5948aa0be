"""The command that scores an artifact: eval."""

import argparse
from pathlib import Path

from edge.card_reader import read_card
from edge.cli.arguments import (
    Add,
    add_artifact,
    add_checkpoint,
    add_force,
    add_integer_scale,
    add_json,
    check_inputs,
)
from edge.cli.terminal import Terminal
from edge.errors import BadInput
from edge.output_file import check_path


def add_parsers(add: Add) -> None:
    """Declare the command of this file."""
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
    sub.add_argument(
        "--routing", action="store_true", help="with --data: what each effort of its router buys, instead"
    )
    sub.add_argument(
        "--bigger", type=Path, metavar="DIR", help="with --routing: the bigger network's artifact"
    )
    sub.add_argument("--plot", type=Path, metavar="FILE.svg", help="with --routing: draw PSNR over time")
    add_force(sub)
    sub.add_argument("--save", type=Path, metavar="DIR", help="with --details: write its pages, to look at")
    add_integer_scale(sub, None, "for any-scale artifacts (2)")
    add_checkpoint(sub)
    add_json(sub)


def evaluate(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Scores on a folder of test pictures, as they are or degraded, or on drawn pages of text and icons."""
    if arguments.degraded and arguments.details:
        raise BadInput("expected --data with --degraded, found --details")
    if arguments.routing:
        return _evaluate_routing(arguments, terminal)
    if arguments.bigger is not None or arguments.plot is not None:
        raise BadInput("expected --routing with --bigger and --plot, found none")
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


def _evaluate_routing(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Efforts, on a folder of test pictures."""
    if arguments.data is None or arguments.degraded or arguments.scale not in (None, 2):
        raise BadInput("expected --data with --routing, at ×2 and as it is, found something else")
    if arguments.plot is not None:
        check_path(arguments.plot, (".svg",), arguments.force)
    check_inputs(None, arguments.data)
    card = read_card(arguments.artifact)
    from edge.cache import find_bigger
    from edge.cli.scores import evaluate_routing
    from edge.run.artifact import Artifact
    from edge.run.routing import routing_of

    bigger, _ = find_bigger(card, routing_of(card), arguments.bigger, terminal.log)
    return evaluate_routing(arguments, Artifact.open(arguments.artifact), Artifact.open(bigger), terminal)
