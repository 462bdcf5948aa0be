"""The commands that make and read artifacts: build, sensitivity, info."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.backends.table import DEFAULT_TARGET, backend_of
from edge.card import Precision
from edge.card_reader import read_card
from edge.cli.arguments import (
    Add,
    add_artifact,
    add_calibration,
    add_checkpoint,
    add_data,
    add_force,
    add_integer_scale,
    add_json,
    add_precision,
    add_target,
    add_tile,
    check_inputs,
    number,
    scale_or_any,
    size_in_bytes,
)
from edge.cli.terminal import Terminal
from edge.compress.mixed_precision import Budget, Choice, config_of
from edge.errors import BadInput
from edge.mixed_precision_config import read_config
from edge.output_file import check_path, write_report
from edge.precisions import CONFIGURABLE
from edge.recipe import DEFAULT_HALO, DEFAULT_RECIPE, DEFAULT_TILE, ArtifactSpec, Recipe
from models.embedded import check_checkpoint_file

if TYPE_CHECKING:
    from edge.compress.sensitivity import Sensitivity


def add_parsers(add: Add) -> None:
    """Declare the commands of this file."""
    _add_build(add)
    _add_sensitivity(add)
    _add_info(add)


def _add_build(add: Add) -> None:
    sub = add("build", build, "--out dist")
    add_checkpoint(sub)
    sub.add_argument("--out", type=Path, default=Path("dist"), help="folder for the artifacts (dist)")
    sub.add_argument("--scale", type=scale_or_any, help="2, 3, 4 or any; without it: the default recipe")
    add_precision(sub)
    add_target(sub)
    add_calibration(sub)
    sub.add_argument(
        "--mixed-precision", type=Path, metavar="FILE.json", help="bit widths of layers; see sensitivity"
    )
    sub.add_argument("--router", type=Path, metavar="FILE", help="a router to put in, for upscale --effort")
    add_tile(sub, DEFAULT_TILE, DEFAULT_HALO)
    sub.add_argument("--probes", action="store_true", help="with intermediate outputs, for check")
    add_force(sub)
    # Former names, accepted and not shown.
    sub.add_argument("--layers-from", dest="mixed_precision", type=Path, help=argparse.SUPPRESS)
    sub.add_argument("--stages", dest="probes", action="store_true", help=argparse.SUPPRESS)


def build(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Artifacts of a recipe into a folder."""
    recipe = _recipe(arguments)
    check_inputs(recipe.checkpoint, recipe.calibration)
    if recipe.router is not None:
        check_checkpoint_file(recipe.router)
    from edge.pipeline import build as run_build

    for folder in run_build(recipe, arguments.out, force=arguments.force, log=terminal.log):
        terminal.print(str(folder))
    return 0


def _recipe(arguments: argparse.Namespace) -> Recipe:
    """The default recipe, with what ``arguments`` change of it."""
    recipe = replace(
        DEFAULT_RECIPE,
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        tile=arguments.tile,
        max_tile=max(arguments.tile, DEFAULT_TILE),
        halo=arguments.halo,
        probes=arguments.probes,
    )
    config = None if arguments.mixed_precision is None else read_config(arguments.mixed_precision)
    artifacts = recipe.artifacts
    if arguments.scale is not None or arguments.precision is not None:
        precision: Precision = arguments.precision or backend_of(arguments.target).default_precision
        artifacts = (ArtifactSpec(arguments.scale or 2, precision, arguments.target),)
    elif arguments.target != DEFAULT_TARGET:
        raise BadInput("expected --scale or --precision with --target, found neither")
    return replace(recipe, artifacts=artifacts, layers=config, router=arguments.router)


def _add_sensitivity(add: Add) -> None:
    sub = add(
        "sensitivity",
        sensitivity,
        "--max-loss 0.01 --out layers.json",
    )
    add_checkpoint(sub)
    add_precision(sub, list(CONFIGURABLE), "int8", "what the layers are chosen for (int8)")
    add_integer_scale(sub)
    add_data(sub, "images to measure on (built-in ones)")
    add_calibration(sub, "images to calibrate on (built-in ones)")
    sub.add_argument("--max-loss", type=number, metavar="DB", help="largest drop of PSNR-Y, dB")
    sub.add_argument(
        "--max-size", type=size_in_bytes, metavar="SIZE", help="of the program, say 2MB or 800KB"
    )
    sub.add_argument(
        "--out", type=Path, metavar="FILE.json", help="write the layers, for build --mixed-precision"
    )
    sub.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw what each layer costs")
    add_force(sub)
    add_json(sub)


def sensitivity(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Costs of layers as a table, a plot and a config."""
    budget = _budget(arguments)
    for path, suffix in ((arguments.out, ".json"), (arguments.plot, ".svg")):
        if path is not None:
            check_path(path, (suffix,), arguments.force)
    check_inputs(arguments.checkpoint, arguments.data, arguments.calibration)
    found, choice = _measure_layers(arguments, budget, terminal)
    if arguments.json:
        terminal.json({**asdict(found), "chosen": None if choice is None else asdict(choice)})
        return 0
    _print_costs(found, choice, arguments.scale, terminal)
    if choice is not None:
        terminal.print(
            f"{arguments.out}: {choice.summary}; loses {choice.loss_db:.4f} dB, about {choice.bytes:,} bytes"
        )
    return 0


def _budget(arguments: argparse.Namespace) -> Budget | None:
    """None where no layers are to be chosen."""
    budget = Budget(arguments.max_loss, arguments.max_size)
    wanted = budget != Budget(None, None)
    if wanted != (arguments.out is not None):
        raise BadInput("expected --out together with --max-loss or --max-size, found one alone")
    return budget if wanted else None


def _measure_layers(
    arguments: argparse.Namespace, budget: Budget | None, terminal: Terminal
) -> tuple["Sensitivity", Choice | None]:
    """What the layers cost and, for a budget, which widths to choose; the config and the plot are written."""
    from edge.compress import sensitivity as measuring
    from edge.compress.calibration import calibration_tiles
    from edge.compress.cost_plot import draw_costs
    from models import checkpoint_hash, load_checkpoint

    model = load_checkpoint(arguments.checkpoint)
    pairs, on = measuring.measuring_pairs(arguments.data, arguments.scale)
    tiles = calibration_tiles(arguments.calibration, model)
    terminal.log(f"calibrating on {len(tiles)} tiles")
    analysis = measuring.SensitivityAnalysis(
        model, arguments.scale, arguments.precision, tiles, DEFAULT_RECIPE.int8, pairs
    )
    found = measuring.measure(analysis, terminal.track("layers", measuring.losses(analysis)), on)
    choice = None if budget is None else measuring.choose_layers(analysis, found, budget)
    if choice is not None:
        write_report(arguments.out, config_of(choice, checkpoint_hash(model), on).to_json())
    if arguments.plot is not None:
        write_report(arguments.plot, draw_costs(found))
    return found, choice


def _print_costs(found: "Sensitivity", choice: Choice | None, scale: int, terminal: Terminal) -> None:
    columns = ["layer", "weights", *found.all_loss_db]
    rows = [
        [layer.path, f"{layer.weights:,}", *(f"{loss:+.4f}" for loss in layer.loss_db.values())]
        for layer in found.layers
    ]
    total = sum(layer.weights for layer in found.layers)
    rows.append(["all", f"{total:,}", *(f"{loss:+.4f}" for loss in found.all_loss_db.values())])
    if choice is not None:
        columns.append("chosen")
        for row in rows:
            row.append(choice.widths.get(row[0], ""))
    title = f"dB of PSNR-Y lost at ×{scale} on {found.on}; fp32 has {found.fp32_db:.3f}"
    terminal.table(title, columns, rows)


def _add_info(add: Add) -> None:
    sub = add("info", info, "dist/liif-x2-int8-xnnpack")
    add_artifact(sub)
    add_json(sub)


def info(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A card, for people or machines."""
    card = read_card(arguments.artifact)
    if arguments.json:
        terminal.json(card.model_dump(mode="json"))
        return 0
    scale = "any scale" if card.scale == "any" else f"×{card.scale}"
    rows = [
        ["what", f"LIIF-EDSR, {scale}, {card.precision}, for {card.target}"],
        ["checkpoint", f"{card.checkpoint.sha256[:16]}…, {card.checkpoint.parameters} parameters"],
        [
            "tile",
            f"{card.tile.default} LR pixels with a halo of {card.tile.halo}, at most {card.tile.maximum}",
        ],
        ["MACs", f"{card.macs_per_output_pixel} per output pixel"],
    ]
    for name, program in card.programs.items():
        rows.append(["program", f"{name}, {program.bytes} bytes, sha256 {program.sha256[:16]}…"])
    for method in card.methods:
        inputs = ", ".join(f"{t.name} {t.shape}" for t in method.inputs)
        rows.append([f"method {method.name}", f"{inputs} → {method.output.name} {method.output.shape}"])
    if card.routing is not None:
        cell, bigger = card.routing.cell, card.routing.bigger[:16]
        rows.append(["routing", f"cells up to {cell} LR pixels, to a network of checkpoint {bigger}…"])
    if card.quantisation is not None:
        rows.append(["quantisation", f"{card.quantisation.scheme}; {card.quantisation.calibration}"])
    if card.measured is not None:
        rows.append(["measured", f"{card.measured.psnr_db:.1f} dB from fp32 on {card.measured.on}"])
    rows.append(["made with", ", ".join(f"{name} {v}" for name, v in card.versions.items())])
    for label, text in rows:
        terminal.print(f"{label:16} {text}")
    return 0
