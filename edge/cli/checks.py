"""The commands that check artifacts: baseline, check, devices."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from edge.card import Card, read_card
from edge.check.baseline import (
    BUNDLE_SUFFIX,
    BUNDLE_VERSION,
    EMBEDDED_BUNDLE,
    Bundle,
    make_bundle,
    read_bundle,
    require_checkpoint,
    write_bundle,
)
from edge.check.comparison import WORST_HEADER
from edge.check.device_outputs import FILES, FILES_NEED, check_export, export_inputs, read_outputs
from edge.check.layers import CAUSES, LayerCheck, LayerError, check_layers, count_layer_steps
from edge.check.report import junit_xml, render_html
from edge.check.stages import (
    STAGES,
    StagedCheck,
    StageResult,
    check_stages,
    compare_outputs,
    count_steps,
)
from edge.cli.terminal import Terminal, finite, finite_values
from edge.devices.device import Device
from edge.devices.table import DEVICES, OPTIONS, configure
from edge.errors import BadInput, MissingDependency
from edge.images.pictures import baseline_pictures
from edge.output_file import check_path, write_report
from edge.recipe import check_scale
from edge.run.artifact import Artifact, load_network
from models import DEFAULT_WEIGHTS, load_checkpoint


def baseline(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A bundle of what fp32 computes."""
    check_scale(arguments.scale)
    check_path(arguments.output, (BUNDLE_SUFFIX,), arguments.force)
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
            check_path(path, (suffix,), arguments.force)
    card = read_card(arguments.artifact)
    device = None if by_hand else _device(arguments.device, arguments.option)
    artifact = None if by_hand else Artifact.open(arguments.artifact, device)
    model = load_network(card, arguments.checkpoint) if arguments.layers else None
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
        with terminal.progress("layers", count_layer_steps(bundle.tiles, card)) as step:
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
    model = load_network(card, checkpoint)
    tile, scale = card.tile.fixed or 64, card.scale
    pictures = baseline_pictures(None, tile)
    with terminal.progress("fp32 reference", len(pictures)) as step:
        return make_bundle(model, pictures, 2.6 if scale == "any" else float(scale), step)


def _check_json(result: StagedCheck, bundle: Bundle, card: Card, ran_on: dict[str, str]) -> dict[str, object]:
    first = result.first_failure
    return {
        "artifact": card.name,
        "passed": result.passed,
        "first_failure": first.stage if first else None,
        "hint": first.hint if first else "",
        "failures": [f"{s.stage}: {failure}" for s in result.stages for failure in s.failures],
        "threshold": asdict(result.tiles.threshold),
        "all": finite(result.tiles.overall),
        "tiles": [finite(comparison) for comparison in result.tiles.comparisons],
        "worst": [finite(case) for case in result.tiles.worst_cases],
        "stages": [_stage_json(stage) for stage in result.stages],
        "device": ran_on,
        "baseline": {**asdict(bundle.provenance), "bundle_version": BUNDLE_VERSION},
    }


def _stage_json(stage: StageResult) -> dict[str, object]:
    measures = ("psnr_db", "percentile_5_db", "mean_abs", "max_abs", "peak", "limit_db")
    return {
        "stage": stage.stage,
        "passed": stage.passed,
        **finite_values({name: getattr(stage, name) for name in measures}),
        "tiles": [finite(tile) for tile in stage.tiles],
    }


def _layers_json(layers: LayerCheck | None) -> dict[str, object]:
    if layers is None:
        return {}
    first, worst = layers.first_suspect, layers.worst_range
    return {
        "layers": [{**finite(e), "cause": e.cause} for e in layers.layers],
        "first_suspect_layer": first.layer if first else None,
        "worst_range_layer": worst.layer if worst else None,
        "layer_failures": list(layers.failures),
    }


def _print_check(
    result: StagedCheck, bundle: Bundle, card: Card, ran_on: dict[str, str], terminal: Terminal
) -> None:
    rows = [
        [
            *(c.name, f"{c.psnr_db:.2f}", f"{c.ssim:.6f}", f"{c.max_abs:.2e}"),
            *(f"{c.worst_block:.2f}", f"{c.worst_flat:.2f}"),
        ]
        for c in (*result.tiles.comparisons, result.tiles.overall)
    ]
    limit = result.tiles.threshold
    limits = (f"≤ {value:g}" for value in (limit.max_abs, limit.worst_block, limit.worst_flat))
    rows.append(["threshold", f"≥ {limit.psnr_db:g}", f"≥ {limit.ssim:g}", *limits])
    title = f"{card.name} against fp32 made on {bundle.provenance.device}"
    measures = ["PSNR (dB)", "SSIM", "largest difference", "worst block of 255", "flat"]
    terminal.table(title, ["tile", *measures], rows)
    terminal.table("worst cases", WORST_HEADER, [case.row for case in result.tiles.worst_cases])
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
    first, worst = layers.first_suspect, layers.worst_range
    in_int8 = any(e.range_fit for e in layers.layers)
    ranges = ["reach on pictures", "on colours", "range, dB"] if in_int8 else []
    terminal.table(
        f"{card.name} layer by layer, worst first; added and total error in dB",
        ["layer", "added", "total", "mean", "largest", *ranges, ""],
        [
            [
                e.layer,
                f"{e.added_db:.1f}",
                f"{e.total_db:.1f}",
                f"{e.mean_abs:.1e}",
                f"{e.max_abs:.1e}",
                *(_range_cells(e) if in_int8 else []),
                "ok" if e.cause is None else e.cause.upper(),
            ]
            for e in layers.layers
        ],
    )
    if worst is not None and worst.range_fit is not None:
        terminal.print(f"the range that fits worst is of {worst.layer}: {worst.range_fit.in_words}")
    for failure in layers.failures:
        terminal.print(f"FAILED at {failure}")
    if first is None or first.cause is None:
        terminal.print("every layer has the checkpoint's weights and computes what they say")
    else:
        terminal.print(f"look at {first.layer}, the first in the network's order: {CAUSES[first.cause]}")


def _range_cells(error: LayerError) -> list[str]:
    """How far fp32 comes in the range that fits worst, the share that is clipped, and that range's cost."""
    fit = error.range_fit
    if fit is None:
        return ["-", "-", "-"]
    return [fit.pictures.cell, fit.colours.cell, f"{fit.excess_db:.1f}"]
