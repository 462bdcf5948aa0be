"""checkpoint → network → program → compress → export → card → run → check against fp32."""

from collections.abc import Callable
from pathlib import Path

from edge.backends.table import BACKENDS
from edge.card_writer import describe, write_card
from edge.compress.compression import compress
from edge.errors import ExportError
from edge.recipe import Recipe
from edge.run.artifact import new_artifact
from edge.super_resolution import build_of
from edge.task import Build
from models import load_checkpoint


def build(
    recipe: Recipe, out: Path, *, force: bool = False, log: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Build every artifact of ``recipe`` into folders of ``out``, and measure each; returns the folders.

    An artifact appears when it has loaded, run and stayed within its threshold, or not at all.
    Raises CheckpointError, BadInput, OutputExists for what the user gave, ExportError for a program that
    does not do what the network does. ``log`` is told what happens.
    """
    model = load_checkpoint(recipe.checkpoint)
    builds = [build_of(model, recipe, spec) for spec in recipe.artifacts]
    return [build_artifact(each, out / each.name, force, log) for each in builds]


def build_artifact(
    build: Build, folder: Path, force: bool = False, log: Callable[[str], None] = lambda _: None
) -> Path:
    """One artifact into ``folder``; see the function ``build``."""
    log(f"{build.name}: building")
    recipe = build.recipe
    program = build.network.program(build.variant, recipe.tile, recipe.max_tile, recipe.probes)
    with new_artifact(folder, force) as content:
        compressed = compress(build, program)
        export = BACKENDS[build.target].export
        files = export(compressed.program, build.precision, compressed.palettes, content)
        write_card(describe(build, program, compressed.card, files, content), content)
        measured = build.network.measure(content)
        if measured.failures:
            raise ExportError(f"{build.name} differs from fp32: {'; '.join(measured.failures)}")
        write_card(measured.card, content)
    for warning in measured.warnings:
        log(f"{build.name}: {warning}")
    log(f"{build.name}: {measured.summary} → {folder}")
    return folder
