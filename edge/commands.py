"""What each command does, between the command line and the pipeline."""

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edge import details, layer_plan
from edge import evaluate as evaluation
from edge import sensitivity as measuring
from edge import upscale as upscaling
from edge.artifact import Artifact, new_artifact
from edge.baseline import (
    BUNDLE_VERSION,
    EMBEDDED_BUNDLE,
    Bundle,
    check_bundle_path,
    make_bundle,
    read_bundle,
    require_checkpoint,
    write_bundle,
)
from edge.bench import BenchJob, steps
from edge.bench import bench as run_bench
from edge.cache import cached_artifact
from edge.card import Card, Precision, Scale, read_card
from edge.check import Comparison
from edge.cost_plot import draw_costs
from edge.devices.device import Device
from edge.devices.files import FILES, FILES_NEED, check_export, export_inputs, read_outputs
from edge.devices.table import DEVICES, OPTIONS, configure
from edge.errors import BadInput, MissingDependency
from edge.evaluate import Evaluation, Score
from edge.image_file import check_output, read_image, to_float, write_image
from edge.int8 import calibration_tiles
from edge.layer_plan import read_plan
from edge.layers import CAUSES, LayerCheck, LayerError, check_layers, looked_into
from edge.ocr import missing_ocr
from edge.pictures import baseline_pictures, beside
from edge.pipeline import PTE_FILE
from edge.pipeline import build as run_build
from edge.recipe import DEFAULT_RECIPE, DEFAULT_TILE, ArtifactSpec, check_scale
from edge.report import check_report_path, junit_xml, render_html, write_report
from edge.stages import (
    STAGES,
    StagedCheck,
    StageResult,
    TileError,
    check_stages,
    compare_outputs,
    count_steps,
)
from edge.terminal import Terminal
from models import DEFAULT_WEIGHTS, LIIF, checkpoint_hash, load_checkpoint
from models.drawings import draw_sample


def build(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Artifacts of a recipe into a folder."""
    recipe = replace(
        DEFAULT_RECIPE,
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        tile=arguments.tile,
        max_tile=max(arguments.tile, DEFAULT_TILE),
        halo=arguments.halo,
        stages=arguments.stages,
    )
    plan = None if arguments.layers_from is None else read_plan(arguments.layers_from)
    if arguments.scale is not None or arguments.precision is not None:
        default: Precision = "int8" if arguments.target == "xnnpack" else "fp16"
        precision: Precision = arguments.precision or default
        recipe = replace(recipe, artifacts=(ArtifactSpec(arguments.scale or 2, precision, arguments.target),))
    elif arguments.target != "xnnpack":
        raise BadInput("expected --scale or --precision with --target, found neither")
    recipe = replace(recipe, layers=plan)
    for folder in run_build(recipe, arguments.out, force=arguments.force, note=terminal.note):
        terminal.print(str(folder))
    return 0


def sensitivity(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Costs of layers as a table, a plot and a plan."""
    budget = layer_plan.Budget(arguments.max_loss, arguments.max_size)
    wanted = budget != layer_plan.Budget(None, None)
    if wanted != (arguments.out is not None):
        raise BadInput("expected --out together with --max-loss or --max-size, found one alone")
    for path, suffix in ((arguments.out, ".json"), (arguments.plot, ".svg")):
        if path is not None:
            check_report_path(path, suffix, arguments.force)
    model = load_checkpoint(arguments.checkpoint)
    pairs, on = measuring.measuring_pairs(arguments.data, arguments.scale)
    tiles = calibration_tiles(arguments.calibration, model)
    terminal.note(f"calibrating on {len(tiles)} tiles")
    bench = measuring.Bench(model, arguments.scale, tiles, DEFAULT_RECIPE.int8, pairs)
    with terminal.progress("layers", measuring.count_steps(bench)) as step:
        found = measuring.measure(bench, on, step)
    choice = measuring.choose_layers(bench, found, budget) if wanted else None
    if choice is not None:
        plan = layer_plan.plan_of(choice, list(bench.board.layers), checkpoint_hash(model), on)
        write_report(arguments.out, plan.to_json())
    if arguments.plot is not None:
        write_report(arguments.plot, draw_costs(found))
    if arguments.json:
        terminal.json({**asdict(found), "chosen": None if choice is None else asdict(choice)})
        return 0
    rows = [
        [layer.path, f"{layer.weights:,}", *(f"{layer.loss_db[width]:+.4f}" for width in measuring.WIDTHS)]
        for layer in found.layers
    ]
    rows.append(
        ["all", f"{sum(layer.weights for layer in found.layers):,}", f"{found.int8_loss_db:+.4f}", "", ""]
    )
    title = f"dB of PSNR-Y lost at ×{arguments.scale} on {on}; fp32 has {found.fp32_db:.3f}"
    terminal.table(title, ["layer", "weights", *measuring.WIDTHS], rows)
    if choice is not None:
        floats = ", ".join(choice.float_layers) or "no layer"
        terminal.print(
            f"{arguments.out}: {floats} float; loses {choice.loss_db:.4f} dB, about {choice.bytes:,} bytes"
        )
    return 0


def upscale(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A picture file, enlarged."""
    if arguments.scale is not None:
        check_scale(arguments.scale)
    check_output(arguments.output, arguments.force)
    picture = read_image(arguments.input)
    lr_size = picture.size
    scale = 2.0 if arguments.scale is None else arguments.scale
    size = arguments.size or upscaling.target_size(lr_size, scale)
    upscaling.check_target(lr_size, size)
    check_output(arguments.output, arguments.force, size=size, alpha=picture.alpha is not None)
    if arguments.artifact is not None:
        artifact = Artifact.open(arguments.artifact)
    else:
        spec = _spec_for(lr_size, size, arguments.precision)
        artifact = Artifact.open(cached_artifact(arguments.checkpoint, spec, terminal.note))
    total = upscaling.count_tiles(artifact, picture.rgb, size, arguments.tile, arguments.halo)
    with terminal.progress(arguments.input.name, total) as step:
        enlarged = upscaling.upscale_picture(
            artifact, picture, size, tile=arguments.tile, halo=arguments.halo, on_tile=step
        )
    write_image(arguments.output, enlarged.rgb, enlarged.alpha, enlarged.icc_profile)
    terminal.print(
        f"{arguments.output}: {size[1]}x{size[0]} from {lr_size[1]}x{lr_size[0]}, by {artifact.card.name}"
    )
    return 0


def _spec_for(lr_size: tuple[int, int], size: tuple[int, int], precision: Precision) -> ArtifactSpec:
    """The fixed-scale artifact where one fits ``size``, else the any-scale one."""
    fixed: tuple[Scale, ...] = (2, 3, 4)
    for scale in fixed:
        if scale != "any" and size == (scale * lr_size[0], scale * lr_size[1]):
            return ArtifactSpec(scale, precision)
    return ArtifactSpec("any", precision)


def baseline(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A bundle of what fp32 computes."""
    check_scale(arguments.scale)
    check_bundle_path(arguments.output, arguments.force)
    if arguments.export is not None:
        check_export(arguments.export)
    model = load_checkpoint(arguments.checkpoint)
    pictures = baseline_pictures(arguments.images, arguments.tile)
    with terminal.progress("fp32 reference", len(pictures)) as step:
        bundle = make_bundle(model, pictures, arguments.scale, step)
    write_bundle(bundle, arguments.output, arguments.force)
    if arguments.export is not None:
        export_inputs(bundle, arguments.export)
        terminal.print(f"{arguments.export}: inputs for a device; it writes its outputs beside them")
    terminal.print(
        f"{arguments.output}: {len(bundle.tiles)} tiles at ×{arguments.scale:g}, "
        f"made on {bundle.provenance.device}"
    )
    return 0


def check(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """An artifact against a bundle; exit code 1 if it fails."""
    by_hand = arguments.device == FILES
    if by_hand != (arguments.outputs is not None):
        raise BadInput(f"expected --device {FILES} and --outputs together, found one alone")
    for path, suffix in ((arguments.report, ".html"), (arguments.junit, ".xml")):
        if path is not None:
            check_report_path(path, suffix, arguments.force)
    card = read_card(arguments.artifact)
    device = None if by_hand else _device(arguments.device, arguments.option)
    artifact = None if by_hand else Artifact.open(arguments.artifact, device)
    model = _model_of(arguments.checkpoint, card) if arguments.layers else None
    if arguments.baseline is not None:
        bundle = read_bundle(arguments.baseline)
        require_checkpoint(bundle, card.checkpoint.sha256)
    elif arguments.checkpoint == DEFAULT_WEIGHTS and card.scale == 2 and card.tile.fixed is None:
        bundle = read_bundle(EMBEDDED_BUNDLE)
        require_checkpoint(bundle, card.checkpoint.sha256)
    else:
        bundle = _fresh_bundle(arguments.checkpoint, card, terminal)
    factor = bundle.provenance.size_factor
    if card.scale not in ("any", factor):
        raise BadInput(f"expected a baseline at ×{card.scale}, found one at ×{factor:g}")
    if artifact is None:
        outputs = read_outputs(arguments.outputs, bundle, card)
        result, ran_on = compare_outputs(outputs, bundle, card.precision), outputs.about
    else:
        with terminal.progress(card.name, count_steps(artifact, bundle)) as step:
            result = check_stages(artifact, bundle, step)
        ran_on = artifact.ran_on
    layers = None
    if model is not None:
        with terminal.progress("layers", len(looked_into(bundle.tiles, card))) as step:
            layers = check_layers(arguments.artifact, card, model, bundle.tiles, step)
    passed = result.passed and (layers is None or not layers.failures)
    if arguments.report is not None:
        write_report(arguments.report, render_html(result, card, bundle.provenance, ran_on, layers))
    if arguments.junit is not None:
        write_report(arguments.junit, junit_xml(result, card))
    if arguments.json:
        report = _check_json(result, bundle, card, ran_on)
        terminal.json({**report, "passed": passed, **_layers_json(layers)})
    else:
        _print_check(result, bundle, card, ran_on, terminal)
        if layers is not None:
            _print_layers(layers, card, terminal)
        if passed:
            terminal.print("passed")
    return 0 if passed else 1


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


def _fresh_bundle(checkpoint: Path, card: Card, terminal: Terminal) -> Bundle:
    """A bundle of the checkpoint that the artifact was made of, for this check only."""
    model = _model_of(checkpoint, card)
    tile, scale = card.tile.fixed or 64, card.scale
    pictures = baseline_pictures(None, tile)
    with terminal.progress("fp32 reference", len(pictures)) as step:
        return make_bundle(model, pictures, 2.6 if scale == "any" else float(scale), step)


def _model_of(checkpoint: Path, card: Card) -> LIIF:
    """The network in ``checkpoint``. Raises BadInput unless the artifact was made of it."""
    model = load_checkpoint(checkpoint)
    found = checkpoint_hash(model)
    if found != card.checkpoint.sha256:
        raise BadInput(
            f"expected --checkpoint or --baseline of the artifact's checkpoint "
            f"{card.checkpoint.sha256[:12]}…, found {checkpoint} ({found[:12]}…)"
        )
    return model


def _check_json(result: StagedCheck, bundle: Bundle, card: Card, ran_on: dict[str, str]) -> dict[str, object]:
    first = result.first_failure
    return {
        "artifact": card.name,
        "passed": result.passed,
        "first_failure": first.stage if first else None,
        "hint": first.hint if first else "",
        "failures": [f"{s.stage}: {failure}" for s in result.stages for failure in s.failures],
        "threshold": asdict(result.tiles.threshold),
        "all": _finite(result.tiles.overall),
        "tiles": [_finite(comparison) for comparison in result.tiles.comparisons],
        "stages": [_stage_json(stage) for stage in result.stages],
        "device": ran_on,
        "baseline": {**asdict(bundle.provenance), "bundle_version": BUNDLE_VERSION},
    }


def _stage_json(stage: StageResult) -> dict[str, object]:
    measures = ("psnr_db", "percentile_5_db", "mean_abs", "max_abs", "peak", "limit_db")
    return {
        "stage": stage.stage,
        "passed": stage.passed,
        **_finite_values({name: getattr(stage, name) for name in measures}),
        "tiles": [_finite(tile) for tile in stage.tiles],
    }


def _layers_json(layers: LayerCheck | None) -> dict[str, object]:
    if layers is None:
        return {}
    first = layers.first_suspect
    return {
        "layers": [{**_finite(e), "cause": e.cause} for e in layers.layers],
        "first_suspect_layer": first.layer if first else None,
        "layer_failures": list(layers.failures),
    }


def _finite(measures: Comparison | Score | TileError | LayerError) -> dict[str, object]:
    """JSON knows neither infinity (equal pictures) nor NaN (a program that gave NaN): both are null."""
    return _finite_values(asdict(measures))


def _finite_values(values: dict[str, object]) -> dict[str, object]:
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in values.items()}


def _print_check(
    result: StagedCheck, bundle: Bundle, card: Card, ran_on: dict[str, str], terminal: Terminal
) -> None:
    rows = [
        [c.name, f"{c.psnr_db:.2f}", f"{c.ssim:.6f}", f"{c.max_abs:.2e}"]
        for c in (*result.tiles.comparisons, result.tiles.overall)
    ]
    limit = result.tiles.threshold
    rows.append(["threshold", f"≥ {limit.psnr_db:g}", f"≥ {limit.ssim:g}", f"≤ {limit.max_abs:g}"])
    title = f"{card.name} against fp32 made on {bundle.provenance.device}"
    terminal.table(title, ["tile", "PSNR (dB)", "SSIM", "largest difference"], rows)
    terminal.table(
        f"stage by stage on {ran_on['device']}",
        ["stage", "PSNR (dB)", "5th percentile", "mean", "largest", "threshold", ""],
        [
            [
                s.stage,
                f"{s.psnr_db:.2f}",
                f"{s.percentile_5_db:.2f}",
                f"{s.mean_abs:.2e}",
                f"{s.max_abs:.2e}",
                f"≥ {s.limit_db:g}",
                "ok" if s.passed else "FAILED",
            ]
            for s in result.stages
        ],
    )
    first = result.first_failure
    if first is None:
        return
    for failure in first.failures:
        terminal.print(f"failed: {failure}")
    hint = f"; {first.hint}" if first.hint else ""
    terminal.print(f"FAILED at stage {first.stage} ({STAGES[first.stage]}){hint}")


def _print_layers(layers: LayerCheck, card: Card, terminal: Terminal) -> None:
    """The table, worst first, and where to look."""
    first = layers.first_suspect
    terminal.table(
        f"{card.name} layer by layer, worst first; added and total error in dB",
        ["layer", "added", "total", "mean", "largest", ""],
        [
            [
                e.layer,
                f"{e.added_db:.1f}",
                f"{e.total_db:.1f}",
                f"{e.mean_abs:.1e}",
                f"{e.max_abs:.1e}",
                "ok" if e.cause is None else e.cause.upper(),
            ]
            for e in layers.layers
        ],
    )
    for failure in layers.failures:
        terminal.print(f"FAILED at {failure}")
    if first is None or first.cause is None:
        terminal.print("every layer has the checkpoint's weights and computes what they say")
    else:
        terminal.print(f"look at {first.layer}, the first in the network's order: {CAUSES[first.cause]}")


def evaluate(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Scores on a folder of test pictures, or on drawn pages of small text and icons."""
    if arguments.save is not None:
        if not arguments.details:
            raise BadInput("expected --details with --save, found --data")
        check_export(arguments.save)
    artifact = Artifact.open(arguments.artifact)
    card_scale = artifact.card.scale
    scale = arguments.scale or (2 if card_scale == "any" else card_scale)
    if card_scale not in ("any", scale):
        raise BadInput(f"expected --scale {card_scale}, the artifact's, found {scale}")
    model = load_checkpoint(arguments.checkpoint)
    if checkpoint_hash(model) != artifact.card.checkpoint.sha256:
        raise BadInput(
            "expected the checkpoint that the artifact was made of, found another; see --checkpoint"
        )
    if arguments.details:
        return _evaluate_details(arguments, artifact, model, scale, terminal)
    total = len(evaluation.find_pairs(arguments.data, scale))
    with terminal.progress(arguments.data.name, total) as step:
        result = evaluation.evaluate(artifact, model, arguments.data, scale, step)
    if arguments.json:
        terminal.json(_evaluation_json(result))
        return 0
    rows = [
        [method, f"{mean.psnr_y:.3f}", f"{mean.psnr_y - result.mean('fp32').psnr_y:+.3f}", f"{mean.ssim:.4f}"]
        for method, mean in ((m, result.mean(m)) for m in result.scores)
    ]
    title = f"{arguments.data.name}, ×{scale}, {total} pictures, {artifact.card.name}"
    terminal.table(title, ["", "PSNR-Y (dB)", "to fp32", "SSIM-Y"], rows)
    return 0


def _evaluation_json(result: Evaluation) -> dict[str, object]:
    means: dict[str, object] = {method: _finite(result.mean(method)) for method in result.scores}
    images = [
        {"name": name, **{method: _finite(scores[number]) for method, scores in result.scores.items()}}
        for number, name in enumerate(result.names)
    ]
    return {**means, "images": images}


def _evaluate_details(
    arguments: argparse.Namespace, artifact: Artifact, model: LIIF, scale: int, terminal: Terminal
) -> int:
    absent = missing_ocr()
    with new_artifact(arguments.save, force=False) if arguments.save else nullcontext() as folder:
        with terminal.progress("pages", details.N_PAGES) as step:
            pages = details.render_pages(artifact, model, scale, step)
        if folder is not None:
            details.save_pages(pages, folder)
    text, icons = ([p for p in pages if bool(p.page.blocks) == has_text] for has_text in (True, False))
    scores = {"text": details.score_pages(text), "icons": details.score_pages(icons)}
    readings: list[details.Reading] = []
    if absent is None:
        with terminal.progress("reading", details.count_readings(pages)) as step:
            readings = details.read_pages(pages, step)
    rates = details.error_rates(readings)
    if arguments.json:
        terminal.json(
            {
                "artifact": artifact.card.name,
                "scale": scale,
                **{
                    kind: {method: _finite_values(asdict(score)) for method, score in of_kind.items()}
                    for kind, of_kind in scores.items()
                },
                "cer": rates or None,
                "cer_missing": absent,
                "readings": [asdict(reading) for reading in readings],
            }
        )
        return 0
    for kind, of_kind in scores.items():
        terminal.table(
            f"{kind}, ×{scale}, {artifact.card.name}",
            ["", "edges (dB)", "flat parts (dB)", "GMSD"],
            [[m, f"{s.edges_db:.2f}", f"{s.flat_db:.2f}", f"{s.gmsd:.4f}"] for m, s in of_kind.items()],
        )
    if absent is not None:
        terminal.print(f"characters misread: not measured, {absent}")
        return 0
    terminal.table(
        "characters misread (%), by the size of the text in low-resolution pixels",
        ["", *rates[details.HR]],
        [[method, *(f"{100 * rate:.1f}" for rate in row.values())] for method, row in rates.items()],
    )
    return 0


def bench(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The forms of the network, timed side by side."""
    if not 1 <= arguments.tile <= DEFAULT_TILE:
        raise BadInput(f"expected a tile of 1 to {DEFAULT_TILE} pixels, found {arguments.tile}")
    specs = {
        "pte-fp32": ArtifactSpec(arguments.scale, "fp32"),
        "pte-int8": ArtifactSpec(arguments.scale, "int8"),
    }
    programs = {
        name: cached_artifact(arguments.checkpoint, spec, terminal.note) / PTE_FILE
        for name, spec in specs.items()
    }
    for folder in arguments.artifacts:
        programs[str(folder)] = _timed_program(folder, arguments.scale, arguments.tile)
    job = BenchJob(arguments.checkpoint, programs, arguments.scale, arguments.tile, arguments.repeats)
    with terminal.progress("bench", steps(job)) as step:
        rows = run_bench(job, step)
    if arguments.json:
        terminal.json({"rows": [asdict(row) for row in rows]})
        return 0
    terminal.table(
        f"×{job.scale}, {job.tile}x{job.tile} tile: median of {job.repeats} runs, per output megapixel",
        ["form", "ms/MP", "peak MB", "ratio"],
        [[r.name, f"{r.ms_per_megapixel:.0f}", f"{r.peak_mb:.0f}", f"{r.ratio:.1f}×"] for r in rows],
    )
    return 0


def _timed_program(folder: Path, scale: int, tile: int) -> Path:
    """The ``.pte`` of an artifact that ``bench`` can run. Raises BadInput if it is another kind."""
    card = read_card(folder)
    if (card.target, card.scale) != ("xnnpack", scale) or card.tile.maximum < tile:
        raise BadInput(
            f"{folder}: expected an artifact for xnnpack at ×{scale} that takes tiles of {tile}, found one "
            f"for {card.target} at {card.scale} that takes {card.tile.maximum}"
        )
    return folder / PTE_FILE


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
    if card.quantisation is not None:
        rows.append(["quantisation", f"{card.quantisation.scheme}; {card.quantisation.calibration}"])
    if card.measured is not None:
        rows.append(["measured", f"{card.measured.psnr_db:.1f} dB from fp32 on {card.measured.on}"])
    rows.append(["made with", ", ".join(f"{name} {v}" for name, v in card.versions.items())])
    for label, text in rows:
        terminal.print(f"{label:16} {text}")
    return 0


def sample(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The drawn sample, or a part of it enlarged by bicubic and by an artifact, side by side."""
    check_output(arguments.output, arguments.force)
    picture = to_float(draw_sample().transpose(2, 0, 1))
    if arguments.compare is not None:
        artifact = Artifact.open(arguments.compare)
        size = (2 * picture.shape[1], 2 * picture.shape[2])
        halves = [evaluation.resize_bicubic(picture, size), upscaling.upscale(artifact, picture, size)]
        picture = beside(*(half[:, :, : size[1] // 2] for half in halves))
    write_image(arguments.output, picture)
    terminal.print(f"{arguments.output}: {picture.shape[2]}x{picture.shape[1]}")
    return 0
