"""checkpoint → model → compress → export → artifact → run on tiles → check against fp32."""

import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from edge.backends.coreml.weights import MIXED, SMALLEST_COMPRESSED, UNIFORM, palette_of
from edge.backends.xnnpack.export import lower_to_xnnpack, trace
from edge.card import (
    CARD_FILE,
    Card,
    CheckpointCard,
    DecodingCard,
    MeasuredCard,
    MethodCard,
    QuantisationCard,
    Target,
    TensorCard,
    TileCard,
    hash_program,
)
from edge.check.comparison import CheckResult, Comparison, compare, judge
from edge.compress.int8 import (
    PALETTE_TILES,
    calibration_inputs,
    calibration_tiles,
    describe_tiles,
    folder_tiles,
    layers_of,
    quantize_methods,
    quantize_modules,
)
from edge.errors import BadInput, ExportError
from edge.images.extremes import EXTREME_SIDE, colour_page
from edge.images.pictures import sample_pictures
from edge.layer_plan import WIDTHS, Width, check_plan, summarize
from edge.methods import MAX_ROWS, Method, TensorSpec, methods_of, stage_methods
from edge.recipe import ArtifactSpec, Recipe
from edge.run.artifact import Artifact, new_artifact
from edge.run.upscale import upscale
from models import LIIF, FixedScaleLIIF, checkpoint_hash, load_checkpoint
from quantize.palette import Palette, large_layers, palettize

Float = NDArray[np.float32]

PTE_FILE = "model.pte"

# What the sample pictures are enlarged by when an any-scale artifact is measured: no whole number.
MEASURED_ZOOM = 2.6
MEASURED_SIDE = 64  # LR pixels of the sample pictures then, for programs that take any tile


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
    methods = methods_of(model, scale)
    stages = stage_methods(model, scale) if recipe.stages else []
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


def load_network(card: Card, checkpoint: Path) -> LIIF:
    """The network in ``checkpoint``, of which the artifact of ``card`` was made.

    Raises CheckpointError for what is none, BadInput for another one.
    """
    model = load_checkpoint(checkpoint)
    found = checkpoint_hash(model)
    if found != card.checkpoint.sha256:
        raise BadInput(
            f"expected --checkpoint to be the artifact's, {card.checkpoint.sha256[:12]}…, "
            f"found {checkpoint} ({found[:12]}…)"
        )
    return model


def measure(artifact: Artifact, model: LIIF) -> CheckResult:
    """The artifact on the sample pictures and a page of pure colours, against ``model`` in fp32."""
    card = artifact.card
    any_scale = card.scale == "any"
    comparisons = []
    for name, lr in sample_pictures(card.tile.fixed or 0):
        if any_scale:  # cut, since the reference form is slow
            side = card.tile.fixed or MEASURED_SIDE
            lr = np.ascontiguousarray(lr[:, :side, :side])
        comparisons.append(_measure(artifact, model, name, lr, MEASURED_ZOOM if any_scale else None))
    comparisons.append(measure_colours(artifact, model))
    return judge(comparisons, card.precision)


def measure_colours(artifact: Artifact, model: LIIF, zoom: int = 2) -> Comparison:
    """The artifact on a page of pure colours against ``model`` in fp32; one of any scale at ``zoom``."""
    side = max(artifact.card.tile.fixed or 0, EXTREME_SIDE)
    any_scale = artifact.card.scale == "any"
    return _measure(artifact, model, "pure colours", colour_page(side), zoom if any_scale else None)


def _measure(artifact: Artifact, model: LIIF, name: str, lr: Float, zoom: float | None) -> Comparison:
    """``zoom``: what an any-scale artifact enlarges by."""
    size = None if zoom is None else (round(zoom * lr.shape[1]), round(zoom * lr.shape[2]))
    sr = upscale(artifact, lr, size, halo=artifact.card.tile.full_halo)
    return compare(name, sr, fp32_picture(model, lr, (sr.shape[1], sr.shape[2])), lr)


def fp32_picture(model: LIIF, lr: Float, size: tuple[int, int]) -> Float:
    """``lr`` (3, h, w) by ``model`` in fp32 PyTorch: (3, H, W), not clamped.

    At ×2, ×3 and ×4 through the fixed-scale form, which equals the reference and is faster.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(lr[None]))
    scale = size[0] // lr.shape[1]
    with torch.no_grad():
        if scale in (2, 3, 4) and size == (scale * lr.shape[1], scale * lr.shape[2]):
            sr = FixedScaleLIIF(model, scale)(tensor)
        else:
            sr = model(tensor, size)
    picture: Float = sr[0].numpy()
    return picture


def _export_executorch(
    model: LIIF,
    methods: Sequence[Method],
    stages: Sequence[Method],
    recipe: Recipe,
    spec: ArtifactSpec,
    folder: Path,
) -> QuantisationCard | None:
    modules, quantisation = _modules(model, methods, stages, recipe, spec)
    programs = {m.name: trace(m, recipe.max_tile, modules[m.name]) for m in (*methods, *stages)}
    (folder / PTE_FILE).write_bytes(lower_to_xnnpack(programs))
    return quantisation


def _modules(
    model: LIIF, methods: Sequence[Method], stages: Sequence[Method], recipe: Recipe, spec: ArtifactSpec
) -> tuple[dict[str, nn.Module], QuantisationCard | None]:
    """Every method's module by name, with int8 layers if ``spec`` wants them."""
    modules = {method.name: method.module for method in (*methods, *stages)}
    if spec.precision not in ("int8", "int8-dynamic"):
        return modules, None
    plan = recipe.layers
    if plan is not None:
        check_plan(plan, "int8", layers_of(methods), checkpoint_hash(model))
    tiles, added = calibration_tiles(None), folder_tiles(recipe.calibration, model)
    floats = plan.float_layers if plan is not None else []
    dynamic = spec.precision == "int8-dynamic"
    quantised, quantisation = quantize_methods(
        methods, model, tiles, recipe.max_tile, _source(recipe), recipe.int8, floats, dynamic, added
    )
    modules |= quantised
    if deep := _deep(stages):
        modules |= quantize_modules(
            *(deep, model, tiles, recipe.max_tile, recipe.int8, floats, dynamic, added)
        )[0]
    return modules, quantisation


def _palettized(
    model: LIIF, methods: Sequence[Method], stages: Sequence[Method], recipe: Recipe, spec: ArtifactSpec
) -> tuple[dict[str, nn.Module], dict[str, Palette], QuantisationCard | None]:
    """Every method's module by name, with large weights of few values; which they are, by module path."""
    weights: dict[str, Tensor] = {}
    for method in methods:
        weights |= large_layers(method.module, SMALLEST_COMPRESSED)
    widths = _widths(model, list(weights), recipe, spec)
    palettes = {path: palette_of(width, weights[path]) for path, width in widths.items() if width != "float"}
    tiles = calibration_tiles(recipe.calibration, model)[::PALETTE_TILES]
    modules = {method.name: method.module for method in (*methods, *stages)}
    for method in (*methods, *_deep(stages)):
        inputs = calibration_inputs(method, methods, model, tiles)
        modules[method.name] = palettize(method.module, palettes, inputs)
    if not palettes:  # the network is too small for any
        return modules, palettes, None
    quantisation = QuantisationCard(
        scheme=f"weights in palettes: {summarize(widths.values())}",
        calibration=describe_tiles(tiles, _source(recipe)),
        quantised_layers=len(palettes),
        float_layers=[path for path in layers_of(methods) if path not in palettes],
    )
    return modules, palettes, quantisation


def _widths(model: LIIF, layers: Sequence[str], recipe: Recipe, spec: ArtifactSpec) -> dict[str, Width]:
    """The width of each of ``layers``, those that are large enough for a palette, by module path."""
    if spec.precision != MIXED or recipe.layers is None:
        return dict.fromkeys(layers, UNIFORM[spec.precision])
    check_plan(recipe.layers, MIXED, layers, checkpoint_hash(model))
    return {path: recipe.layers.layers.get(path, WIDTHS[MIXED][0]) for path in layers}


def _deep(stages: Sequence[Method]) -> list[Method]:
    """The stages that have layers. Calibrated on the same tiles as the whole, they have its ranges and
    weights."""
    return [stage for stage in stages if stage.name != "input"]


def _source(recipe: Recipe) -> str:
    # A user's folder is not named: paths are nobody's business but theirs.
    folder = "" if recipe.calibration is None else " and a folder of pictures"
    return f"the built-in pictures{folder}"


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


def _fixed_sizes(recipe: Recipe) -> dict[str, int]:
    """What a program of one size has for the dimensions of a method's inputs."""
    return {"h": recipe.tile, "w": recipe.tile, "n": MAX_ROWS}


def _package(method: Method) -> str:
    return f"{method.name}.mlpackage"


def _describe(
    model: LIIF,
    methods: Sequence[Method],
    stages: Sequence[Method],
    recipe: Recipe,
    spec: ArtifactSpec,
    folder: Path,
    quantisation: QuantisationCard | None,
) -> Card:
    one_size = spec.target != "xnnpack"
    sizes: dict[str, int] = {}  # of the dimensions that a program of one size has fixed
    if one_size:
        sizes = _fixed_sizes(recipe)
        if spec.scale != "any":
            sizes |= {f"{spec.scale}*{axis}": spec.scale * recipe.tile for axis in ("h", "w")}

    def tensor(t: TensorSpec) -> TensorCard:
        shape = [sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in t.shape]
        return TensorCard(name=t.name, shape=shape, range=list(t.range) if t.range else None)

    entries = [
        MethodCard(
            name=method.name,
            program=_package(method) if spec.target == "coreml" else PTE_FILE,
            inputs=[tensor(t) for t in method.inputs],
            output=tensor(method.output),
        )
        for method in (*methods, *stages)
    ]
    config = model.config
    return Card(
        schema_version=1,
        name=spec.name,
        scale=spec.scale,
        target=spec.target,
        precision=spec.precision,
        methods=entries,
        tile=TileCard(
            maximum=recipe.tile if one_size else recipe.max_tile,
            default=recipe.tile,
            halo=min(recipe.halo, config.full_halo),
            full_halo=config.full_halo,
            fixed=recipe.tile if one_size else None,
        ),
        decoding=DecodingCard(
            local_ensemble=config.local_ensemble, cell_decode=config.cell_decode, max_rows=MAX_ROWS
        )
        if spec.scale == "any"
        else None,
        quantisation=quantisation,
        checkpoint=CheckpointCard(
            sha256=checkpoint_hash(model), parameters=sum(p.numel() for p in model.parameters())
        ),
        programs={entry.program: hash_program(folder / entry.program) for entry in entries},
        macs_per_output_pixel=count_macs(methods, spec),
        measured=None,
        versions=_versions(),
    )


def count_macs(methods: Sequence[Method], spec: ArtifactSpec) -> int:
    """Multiply-accumulates per output pixel; for any-scale artifacts at ×2, halo not counted."""
    side = 16
    scale = 2 if spec.scale == "any" else spec.scale
    sizes = {"h": side, "w": side, "n": 4 * (scale * side) ** 2}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for method in methods:
            method.module(*method.example(sizes))
    flops: int = counter.get_total_flops()
    return round(flops / 2 / (scale * side) ** 2)


def _versions() -> dict[str, str]:
    packages = ("liif-edge", "torch", "executorch", "coremltools")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
