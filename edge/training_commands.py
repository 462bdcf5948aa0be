"""What the commands do that make a new checkpoint."""

import argparse
from dataclasses import replace
from pathlib import Path

from edge.terminal import Terminal
from edge.training import objective_of
from models.training import describe_report
from models.training import train as run_training
from models.training_recipe import find_recipe


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
