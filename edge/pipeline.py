"""checkpoint → model → compress → export → artifact → run on tiles → check against fp32."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from edge.backends.xnnpack.export import lower_to_xnnpack
from edge.card import (
    CARD_FILE,
    MeasuredCard,
    QuantisationCard,
    Target,
)
from edge.card_writer import PTE_FILE, _describe, _fixed_sizes, _package
from edge.check.comparison import measure
from edge.compress.compression import _modules, _palettized
from edge.compress.palettes import MIXED, UNIFORM
from edge.errors import ExportError
from edge.recipe import ArtifactSpec, Recipe
from edge.run.artifact import Artifact, new_artifact
from models import LIIF, load_checkpoint
from models.family import Method
from models.liif.programs import methods_of, stage_methods
from quantize.palette import Palette


def build(
    recipe: Recipe, out: Path, *, force: bool = False, note: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Build every artifact of ``recipe`` into folders of ``out``, and measure each; returns the folders.

    An artifact appears when it has loaded, run and stayed within its threshold, or not at all.
    Raises CheckpointError, BadInput, OutputExists for what the user gave, ExportError for a program that
    does not do what the network does. ``note`` is told what happens.
    """
    model = load_checkpoint(recipe.checkpoint)
    return [build_artifact(model, recipe, spec, out / spec.name, force, note) for spec in recipe.artifacts]


def build_artifact(
    model: LIIF,
    recipe: Recipe,
    spec: ArtifactSpec,
    folder: Path,
    force: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Path:
    """One artifact into ``folder``; see ``build``."""
    note(f"{spec.name}: building")
    scale = None if spec.scale == "any" else spec.scale
    methods = methods_of(model, scale, recipe.max_tile)
    stages = stage_methods(model, scale, recipe.max_tile) if recipe.stages else []
    with new_artifact(folder, force) as content:
        quantisation = EXPORTERS[spec.target](model, methods, stages, recipe, spec, content)
        card = _describe(model, methods, stages, recipe, spec, content, quantisation)
        (content / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
        result = measure(Artifact.open(content), model)
        if not result.passed:
            raise ExportError(f"{spec.name} differs from fp32: {'; '.join(result.failures)}")
        measured = MeasuredCard(
            psnr_db=round(min(result.overall.psnr_db, 200.0), 2),
            max_abs=result.overall.max_abs,
            worst_block=round(result.overall.worst_block, 3),
            worst_flat=round(result.overall.worst_flat, 3),
            on=", ".join(c.name for c in result.comparisons),
        )
        card = card.model_copy(update={"measured": measured})
        (content / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
    note(
        f"{spec.name}: {measured.psnr_db:.1f} dB from fp32, mean colours of blocks within "
        f"{measured.worst_block:.1f} of 255 → {folder}"
    )
    return folder


def _export_executorch(
    model: LIIF,
    methods: Sequence[Method],
    stages: Sequence[Method],
    recipe: Recipe,
    spec: ArtifactSpec,
    folder: Path,
) -> QuantisationCard | None:
    modules, quantisation = _modules(model, methods, stages, recipe, spec)
    programs = {m.name: replace(m, module=modules[m.name]).trace() for m in (*methods, *stages)}
    (folder / PTE_FILE).write_bytes(lower_to_xnnpack(programs))
    return quantisation


def _export_coreml(
    model: LIIF,
    methods: Sequence[Method],
    stages: Sequence[Method],
    recipe: Recipe,
    spec: ArtifactSpec,
    folder: Path,
) -> QuantisationCard | None:
    from edge.backends.coreml.export import convert

    palettes: dict[str, Palette] = {}
    quantisation: QuantisationCard | None
    if spec.precision in (*UNIFORM, MIXED):
        modules, palettes, quantisation = _palettized(model, methods, stages, recipe, spec)
    else:
        modules, quantisation = _modules(model, methods, stages, recipe, spec)
    for method in (*methods, *stages):
        shapes = {tensor.name: tensor.sized(_fixed_sizes(recipe)) for tensor in method.inputs}
        package = folder / _package(method)
        convert(modules[method.name], shapes, method.output.name, spec.precision, package, palettes)
    return quantisation


def _export_coreml_pte(
    model: LIIF,
    methods: Sequence[Method],
    stages: Sequence[Method],
    recipe: Recipe,
    spec: ArtifactSpec,
    folder: Path,
) -> QuantisationCard | None:
    from edge.backends.coreml.delegate_export import lower_to_coreml

    modules, quantisation = _modules(model, methods, stages, recipe, spec)
    programs = {
        m.name: torch.export.export(modules[m.name], m.example(_fixed_sizes(recipe)))
        for m in (*methods, *stages)
    }
    (folder / PTE_FILE).write_bytes(lower_to_coreml(programs, spec.precision))
    return quantisation


EXPORTERS: dict[Target, Callable[..., QuantisationCard | None]] = {
    "xnnpack": _export_executorch,
    "coreml": _export_coreml,
    "coreml-pte": _export_coreml_pte,
}
