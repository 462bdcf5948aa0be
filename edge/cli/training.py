"""What the commands do that make a new checkpoint."""

import argparse
from dataclasses import replace
from pathlib import Path

from edge.cli.terminal import Terminal
from edge.compress.channel_importance import importance_on
from edge.compress.qat import objective_of
from edge.errors import BadInput
from edge.output_file import check_path
from models import LIIFConfig, load_checkpoint, save_checkpoint
from models.liif.cost import count_macs, count_parameters
from models.liif.network import with_ensemble
from models.pictures import picture_files
from models.training.loop import describe_report
from models.training.loop import train as run_training
from models.training.recipe import find_recipe
from quantize.pruning import BudgetError, choose_widths, cost_of, remove_channels


def train(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A run of a recipe, or the rest of one that was stopped."""
    recipe = find_recipe(arguments.recipe)
    for name in ("start", "teacher"):
        if getattr(arguments, name) is not None:
            recipe = replace(recipe, **{name: getattr(arguments, name)})
    run = arguments.out or Path("runs") / Path(arguments.recipe).stem
    made = run_training(
        recipe,
        arguments.data,
        run,
        device=arguments.device,
        make_objective=objective_of(recipe, arguments.calibration),
        on_report=lambda report: terminal.note(describe_report(report, recipe)),
    )
    terminal.print(f"{made}: a checkpoint, for --checkpoint")
    return 0


def prune(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A checkpoint with the least important channels removed; to be fine-tuned."""
    count = count_parameters if arguments.macs is None else count_macs
    share = arguments.params if arguments.macs is None else arguments.macs
    if not 0 < share < 1:
        raise BadInput(f"expected a share between 0 and 1 to keep, found {share:g}")
    if arguments.batches < 1:
        raise BadInput(f"expected at least 1 batch, found {arguments.batches}")
    check_path(arguments.output, (".safetensors",), arguments.force)
    model = load_checkpoint(arguments.checkpoint)
    if arguments.no_local_ensemble:
        model = with_ensemble(model, False)
    pictures = picture_files(arguments.data)

    def cost(config: LIIFConfig) -> int:
        return cost_of(arguments.part, count(config))

    with terminal.progress("importance", arguments.batches) as step:
        importance = importance_on(pictures, model, arguments.part, arguments.batches, step)
    try:
        widths = choose_widths(model.config, importance, cost, share * cost(model.config))
    except BudgetError as error:
        raise BadInput(f"{arguments.part}: {error}") from error
    pruned = remove_channels(model, widths, importance)
    save_checkpoint(pruned, arguments.output)
    config = pruned.config
    terminal.print(f"blocks: {', '.join(map(str, config.block_widths))}")
    terminal.print(f"MLP: {', '.join(map(str, config.hidden_widths))}")
    for what, counted in (("MACs per LR pixel at ×2", count_macs), ("parameters", count_parameters)):
        before, after = counted(model.config), counted(config)
        for part in ("encoder", "decoder", "all"):
            was, now = cost_of(part, before), cost_of(part, after)
            terminal.print(f"{what}, {part}: {now} of {was} ({now / was:.0%})")
    terminal.print(f"{arguments.output}: fine-tune it: liif-edge train distil --start {arguments.output} …")
    return 0
