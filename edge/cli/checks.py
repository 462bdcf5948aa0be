"""The commands that check artifacts: baseline, check, devices."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.card import Card
from edge.card_reader import read_card
from edge.cli.arguments import (
    Add,
    add_artifact,
    add_checkpoint,
    add_force,
    add_json,
    check_inputs,
    count,
    device_option,
    number,
)
from edge.cli.terminal import Terminal
from edge.devices.device import Device
from edge.devices.table import DEVICES, FILES, FILES_NEED, OPTIONS, configure
from edge.errors import BadInput, MissingDependency
from edge.output_file import check_path
from edge.recipe import check_scale
from models import DEFAULT_WEIGHTS
from models.embedded import check_checkpoint_file

if TYPE_CHECKING:
    from edge.check.baseline import Bundle
    from edge.check.layers import LayerCheck
    from edge.check.probes import ProbeCheck
    from edge.run.artifact import Artifact
    from models import LIIF


def add_parsers(add: Add) -> None:
    """Declare the commands of this file."""
    _add_baseline(add)
    _add_check(add)
    _add_devices(add)


def _add_baseline(add: Add) -> None:
    sub = add("baseline", baseline, "baseline.npz --scale 2")
    sub.add_argument("output", type=Path, metavar="OUT.npz")
    add_checkpoint(sub)
    sub.add_argument("--scale", type=number, default=2.0, help="factor, 1 to 30 (2)")
    sub.add_argument("--images", type=Path, metavar="DIR", help="images instead of the built-in ones")
    sub.add_argument("--tile", type=count, default=64, help="side of the tile cropped from each image (64)")
    sub.add_argument("--export", type=Path, metavar="DIR", help="write the inputs, too, for a device to take")
    add_force(sub)


def baseline(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A bundle of what fp32 computes."""
    check_scale(arguments.scale)
    from edge.check.baseline import BUNDLE_SUFFIX, bundle_of, run_reference, write_bundle
    from edge.check.device_outputs import check_export, export_inputs

    check_path(arguments.output, (BUNDLE_SUFFIX,), arguments.force)
    if arguments.export is not None:
        check_export(arguments.export)
    check_inputs(arguments.checkpoint, arguments.images)
    from edge.images.pictures import baseline_pictures
    from models import load_checkpoint

    model = load_checkpoint(arguments.checkpoint)
    pictures = baseline_pictures(arguments.images, arguments.tile)
    tiles = terminal.track("fp32 reference", run_reference(model, pictures, arguments.scale))
    bundle = bundle_of(tiles, model, arguments.scale)
    write_bundle(bundle, arguments.output, arguments.force)
    if arguments.export is not None:
        export_inputs(bundle, arguments.export)
        terminal.print(f"{arguments.export}: inputs for a device; it writes its outputs beside them")
    terminal.print(
        f"{arguments.output}: {len(bundle.tiles)} tiles at ×{arguments.scale:g}, "
        f"made on {bundle.provenance.device}"
    )
    return 0


def _add_check(add: Add) -> None:
    sub = add("check", check, "dist/liif-x2-int8-xnnpack")
    add_artifact(sub)
    sub.add_argument("--baseline", type=Path, metavar="FILE.npz", help="bundle; else made of --checkpoint")
    sub.add_argument("--device", choices=[*DEVICES, FILES], help="where it runs; see liif-edge devices")
    sub.add_argument(
        "--option",
        type=device_option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the device, say cpu=cortex-a53; liif-edge devices lists them",
    )
    sub.add_argument("--outputs", type=Path, metavar="DIR", help="for the device files: what it wrote")
    sub.add_argument("--router", type=Path, metavar="FILE", help="the router that is in it, to compare, too")
    sub.add_argument("--layers", action="store_true", help="look into every layer of the program, too")
    sub.add_argument("--report", type=Path, metavar="FILE.html", help="write a page to look at, too")
    sub.add_argument("--junit", type=Path, metavar="FILE.xml", help="write JUnit XML, too")
    add_force(sub)
    add_checkpoint(sub)
    add_json(sub)


def check(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """An artifact against a bundle; exit code 1 if it fails."""
    by_hand = arguments.device == FILES
    if by_hand != (arguments.outputs is not None):
        raise BadInput(f"expected --device {FILES} and --outputs together, found one alone")
    if by_hand and arguments.router is not None:
        raise BadInput(f"expected a device that runs the router of --router, found {FILES}")
    for path, suffix in ((arguments.report, ".html"), (arguments.junit, ".xml")):
        if path is not None:
            check_path(path, (suffix,), arguments.force)
    card = read_card(arguments.artifact)
    device = None if by_hand else _device(arguments.device, arguments.option)
    if arguments.layers or not (arguments.baseline or _is_embedded(arguments, card)):
        check_inputs(arguments.checkpoint)
    if arguments.router is not None:
        check_checkpoint_file(arguments.router)
    from edge.check.built_in import check_route, router_in
    from edge.run.artifact import Artifact, load_network

    artifact = None if by_hand else Artifact.open(arguments.artifact, device)
    model = load_network(card, arguments.checkpoint) if arguments.layers else None
    router = None if arguments.router is None else router_in(card, arguments.router)
    bundle = _bundle(arguments, card, terminal)
    probes, ran_on = _check_probes(arguments, artifact, card, bundle, terminal)
    layers = None if model is None else _check_layers(arguments.artifact, card, model, bundle, terminal)
    route = None if artifact is None or router is None else check_route(artifact, router)
    from edge.cli.check_results import CheckOutcome

    outcome = CheckOutcome(card, bundle, probes, ran_on, layers, route)
    outcome.write_reports(arguments.report, arguments.junit)
    if arguments.json:
        terminal.json(outcome.as_json())
    else:
        outcome.print_on(terminal)
    return 0 if outcome.passed else 1


def _bundle(arguments: argparse.Namespace, card: Card, terminal: Terminal) -> "Bundle":
    """The bundle that is named, the embedded one where it fits, or one made for this check."""
    from edge.check.baseline import EMBEDDED_BUNDLE, read_bundle, require_checkpoint

    if arguments.baseline is None and not _is_embedded(arguments, card):
        bundle = _fresh_bundle(arguments.checkpoint, card, terminal)
    else:
        bundle = read_bundle(arguments.baseline or EMBEDDED_BUNDLE)
        require_checkpoint(bundle, card.checkpoint.sha256)
    factor = bundle.provenance.size_factor
    if card.scale not in ("any", factor):
        raise BadInput(f"expected a baseline at ×{card.scale}, found one at ×{factor:g}")
    return bundle


def _is_embedded(arguments: argparse.Namespace, card: Card) -> bool:
    """Whether the embedded bundle fits the artifact."""
    from edge.check.baseline import fits_embedded_bundle

    return bool(arguments.checkpoint == DEFAULT_WEIGHTS) and fits_embedded_bundle(card)


def _fresh_bundle(checkpoint: Path, card: Card, terminal: Terminal) -> "Bundle":
    """A bundle of the checkpoint that the artifact was made of, for this check only."""
    from edge.check.baseline import bundle_of
    from edge.check.built_in import checked_scale, reference_for
    from edge.run.artifact import load_network

    model = load_network(card, checkpoint)
    tiles = terminal.track("fp32 reference", reference_for(card, model))
    return bundle_of(tiles, model, checked_scale(card))


def _check_probes(
    arguments: argparse.Namespace,
    artifact: "Artifact | None",
    card: Card,
    bundle: "Bundle",
    terminal: Terminal,
) -> tuple["ProbeCheck", dict[str, str]]:
    """Every probe of ``artifact``, None: of what a device wrote; and where it ran."""
    from edge.check.device_outputs import read_outputs
    from edge.check.probes import compare_outputs, compare_probes, run_probes

    if artifact is None:
        outputs = read_outputs(arguments.outputs, bundle, card)
        return compare_outputs(outputs, bundle, card.precision), outputs.about
    outputs_here = terminal.track(card.name, run_probes(artifact, bundle))
    return compare_probes(outputs_here, bundle, card.precision), artifact.ran_on


def _check_layers(
    folder: Path, card: Card, model: "LIIF", bundle: "Bundle", terminal: Terminal
) -> "LayerCheck":
    from edge.check.layers import LayerComparison

    comparison = LayerComparison(folder, card, model, bundle.tiles)
    for _ in terminal.track("layers", comparison.steps()):
        pass
    return comparison.result()


def _device(name: str | None, options: Sequence[tuple[str, str]]) -> Device | None:
    """The named device, with what it lacks said now and not after the work."""
    if name is None:
        if options:
            raise BadInput("expected --device with --option, found none")
        return None
    device = configure(DEVICES[name], dict(options))
    absent = device.missing()
    if absent is not None:
        raise MissingDependency(f"{name}: {absent}")
    return device


def _add_devices(add: Add) -> None:
    sub = add("devices", devices, "")
    add_json(sub)


def devices(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Every device, what it needs, and whether that is there."""
    rows: list[dict[str, object]] = [
        {"name": d.name, "needs": d.needs, "missing": d.missing(), "options": list(OPTIONS.get(d.name, {}))}
        for d in DEVICES.values()
    ]
    rows.append({"name": FILES, "needs": FILES_NEED, "missing": None, "options": []})
    if arguments.json:
        terminal.json({"devices": rows})
        return 0
    for row in rows:
        terminal.print(f"{row['name']:20} {row['missing'] or 'ready'}")
        terminal.print(f"{'':20} needs {row['needs']}")
        if row["options"]:
            names = ", ".join(f"{name}=…" for name in OPTIONS[str(row["name"])])
            terminal.print(f"{'':20} --option {names}")
    return 0
