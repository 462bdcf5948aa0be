"""The commands that make a new checkpoint: train, prune."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.arguments import (
    Add,
    add_batches,
    add_calibration,
    add_checkpoint,
    add_data,
    add_force,
    check_inputs,
    checkpoint_path,
    number,
)
from edge.cli.terminal import Terminal
from edge.errors import BadInput
from edge.output_file import check_path

if TYPE_CHECKING:
    from models import LIIFConfig


def add_parsers(add: Add) -> None:
    """Declare the commands of this file."""
    _add_train(add)
    _add_prune(add)


def _add_train(add: Add) -> None:
    sub = add("train", train, "int8-x2 --data photos/")
    sub.add_argument("recipe", metavar="RECIPE", help="a TOML file, or the name of one in models/recipes")
    add_data(sub, "images to train on", required=True)
    sub.add_argument("--out", type=Path, metavar="RUN", help="folder of the run; goes on there (runs/RECIPE)")
    sub.add_argument(
        "--start", type=checkpoint_path, metavar="FILE", help="start from this checkpoint instead"
    )
    sub.add_argument("--teacher", type=checkpoint_path, metavar="FILE", help="distil from this one instead")
    add_calibration(sub, "as of the int8 build that will follow")
    sub.add_argument("--device", choices=("cpu", "cuda"), help="a GPU where there is one")


def train(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A run of a recipe, or the rest of one that was stopped."""
    from models.training.recipe_file import find_recipe_file

    file = find_recipe_file(arguments.recipe)
    check_inputs(arguments.start, arguments.data, arguments.calibration)
    check_inputs(arguments.teacher)
    from edge.compress.qat import objective_of
    from models.training.loop import MODEL_FILE, describe_report, training
    from models.training.recipe import read_recipe

    recipe = read_recipe(file)
    for name in ("start", "teacher"):
        if getattr(arguments, name) is not None:
            recipe = replace(recipe, **{name: getattr(arguments, name)})
    run = arguments.out or Path("runs") / Path(arguments.recipe).stem
    make_objective = objective_of(recipe, arguments.calibration)
    for report in training(
        recipe, arguments.data, run, device=arguments.device, make_objective=make_objective
    ):
        terminal.log(describe_report(report, recipe))
    terminal.print(f"{run / MODEL_FILE}: a checkpoint, for --checkpoint")
    return 0


def _add_prune(add: Add) -> None:
    sub = add(
        "prune",
        prune,
        "half.safetensors --macs 0.5 --data photos/",
    )
    sub.add_argument("output", type=Path, metavar="OUT.safetensors")
    add_checkpoint(sub)
    budget = sub.add_mutually_exclusive_group(required=True)
    budget.add_argument("--macs", type=number, metavar="SHARE", help="multiplications to keep at ×2, 0 to 1")
    budget.add_argument("--params", type=number, metavar="SHARE", help="parameters to keep, 0 to 1")
    sub.add_argument("--part", choices=("encoder", "decoder", "all"), default="all", help="of what (all)")
    add_data(sub, "images that importance is measured on", required=True)
    add_batches(sub)
    sub.add_argument(
        "--no-local-ensemble",
        action="store_true",
        help="first make the decoder one query per pixel",
    )
    add_force(sub)


def prune(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A checkpoint with the least important channels removed; to be fine-tuned."""
    share = arguments.params if arguments.macs is None else arguments.macs
    if not 0 < share < 1:
        raise BadInput(f"expected a share between 0 and 1 to keep, found {share:g}")
    if arguments.batches < 1:
        raise BadInput(f"expected at least 1 batch, found {arguments.batches}")
    check_path(arguments.output, (".safetensors",), arguments.force)
    check_inputs(arguments.checkpoint, arguments.data)
    before, after = _remove_channels(arguments, share, terminal)
    _print_pruned(before, after, terminal)
    terminal.print(f"{arguments.output}: fine-tune it: liif-edge train distil --start {arguments.output} …")
    return 0


def _remove_channels(
    arguments: argparse.Namespace, share: float, terminal: Terminal
) -> tuple["LIIFConfig", "LIIFConfig"]:
    """What the network was and is; the checkpoint is written."""
    from edge.compress.channel_importance import importance_by_batch
    from models import load_checkpoint, save_checkpoint
    from models.liif.cost import count_macs, count_parameters
    from models.liif.network import with_ensemble
    from models.liif.pruning import BudgetError, choose_widths, cost_of, mean_importance, remove_channels
    from models.picture_files import picture_files

    count = count_parameters if arguments.macs is None else count_macs
    model = load_checkpoint(arguments.checkpoint)
    if arguments.no_local_ensemble:
        model = with_ensemble(model, False)
    pictures = picture_files(arguments.data)

    def cost(config: "LIIFConfig") -> int:
        return cost_of(arguments.part, count(config))

    batches = importance_by_batch(pictures, model, arguments.part, arguments.batches)
    importance = mean_importance(terminal.track("importance", batches))
    try:
        widths = choose_widths(model.config, importance, cost, share * cost(model.config))
    except BudgetError as error:
        raise BadInput(f"{arguments.part}: {error}") from error
    pruned = remove_channels(model, widths, importance)
    save_checkpoint(pruned, arguments.output)
    return model.config, pruned.config


def _print_pruned(before: "LIIFConfig", after: "LIIFConfig", terminal: Terminal) -> None:
    from models.liif.cost import count_macs, count_parameters
    from models.liif.pruning import cost_of

    terminal.print(f"blocks: {', '.join(map(str, after.block_widths))}")
    terminal.print(f"MLP: {', '.join(map(str, after.hidden_widths))}")
    for what, counted in (("MACs per LR pixel at ×2", count_macs), ("parameters", count_parameters)):
        for part in ("encoder", "decoder", "all"):
            was, now = cost_of(part, counted(before)), cost_of(part, counted(after))
            terminal.print(f"{what}, {part}: {now} of {was} ({now / was:.0%})")
