"""The command that trains a router: train-router."""

import argparse
from pathlib import Path

from edge.cli.arguments import Add, add_data, add_force, check_inputs
from edge.cli.terminal import Terminal
from edge.embedded import shipped_artifact
from edge.errors import BadInput
from edge.output_file import check_path

CELL, HALO, CHANNELS = 32, 8, (8, 16, 32)

HELD_OUT = 24  # pictures that the result is measured on
PER_PICTURE = 4  # patches of each of them
BUDGET = 0.2  # share of cells for which the gain is said


def add_parsers(add: Add) -> None:
    """Declare the commands of this file."""
    sub = add("train-router", train_router, "router.safetensors --data photos/")
    sub.add_argument("output", type=Path, metavar="OUT.safetensors")
    add_data(sub, "images whose gains are learnt, of 256 pixels a side and more", required=True)
    for name, weights in (("--smaller", "fast"), ("--bigger", "baseline")):
        sub.add_argument(name, type=Path, metavar="ARTIFACT", help=f"at ×2; the embedded one of {weights}")
    sub.add_argument("--patches", type=int, default=700, help="of 128x128 LR pixels, to learn from (700)")
    sub.add_argument("--steps", type=int, default=4000, help="of training (4000)")
    add_force(sub)


def train_router(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Enlarge patches by both networks, and learn to predict where the bigger one gains."""
    if min(arguments.patches, arguments.steps) < 1:
        raise BadInput(
            f"expected at least 1 patch and 1 step, found {arguments.patches} and {arguments.steps}"
        )
    check_path(arguments.output, (".safetensors",), arguments.force)
    check_inputs(None, arguments.data)
    from edge.evaluate.gains import PATCH, gain_samples
    from edge.run.artifact import Artifact
    from models.liif.router import N_THRESHOLDS, RouterConfig, save_router
    from models.picture_files import picture_files, split_pictures
    from models.training import router as training

    def opened(folder: Path | None, name: str) -> Artifact:
        return Artifact.open(folder or shipped_artifact(name, 2))

    smaller, bigger = opened(arguments.smaller, "fast"), opened(arguments.bigger, "baseline")
    for artifact in (smaller, bigger):
        if artifact.card.scale != 2:
            raise BadInput(f"expected artifacts at ×2, found {artifact.card.name}")
    pictures, held_out = split_pictures(picture_files(arguments.data), HELD_OUT)
    samples, measured = (
        list(terminal.track(label, gain_samples(smaller, bigger, files, count)))
        for label, files, count in (
            ("gains", pictures, arguments.patches),
            ("held-out gains", held_out, PER_PICTURE * HELD_OUT),
        )
    )
    config = RouterConfig(
        cell=CELL,
        halo=HALO,
        channels=CHANNELS,
        smaller=smaller.card.checkpoint.sha256,
        bigger=bigger.card.checkpoint.sha256,
        eps=training.EPS,
        thresholds=(0.0,) * N_THRESHOLDS,
    )
    for step, loss, now in training.train_router(samples, config, arguments.steps):
        terminal.log(f"step {step} of {arguments.steps}: loss {loss:.3f}")
        trained = now
    router = training.with_thresholds(trained, [sample.lr for sample in samples])
    save_router(router, arguments.output)
    shares, n_cells = training.shares_of_best(router, measured, BUDGET), len(measured) * (PATCH // CELL) ** 2
    terminal.print(
        f"{arguments.output}: of the gain of the best {BUDGET:.0%} of {n_cells} cells of pictures "
        f"that it never saw {shares.router:.0%}; by the largest gradient {shares.gradient:.0%}, "
        f"by all alike {shares.even:.0%}"
    )
    return 0
