"""What the commands around an artifact do: build, sensitivity, upscale, info, sample."""

import argparse
from dataclasses import asdict, replace

from edge.backends.table import DEFAULT_TARGET, backend_of
from edge.cache import cached_artifact
from edge.card import Precision, Scale, read_card
from edge.cli.terminal import Terminal
from edge.compress import sensitivity as measuring
from edge.compress.calibration import calibration_tiles
from edge.compress.cost_plot import draw_costs
from edge.compress.mixed_precision import Budget, plan_of
from edge.errors import BadInput
from edge.images.image_file import check_output, read_image, to_float, write_image
from edge.images.pictures import beside, resize_bicubic
from edge.layer_plan import read_plan
from edge.output_file import check_path, write_report
from edge.pipeline import build as run_build
from edge.recipe import DEFAULT_RECIPE, DEFAULT_TILE, ArtifactSpec, check_scale
from edge.run import upscale as upscaling
from edge.run.artifact import Artifact
from models import checkpoint_hash, load_checkpoint
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
    artifacts = recipe.artifacts
    if arguments.scale is not None or arguments.precision is not None:
        precision: Precision = arguments.precision or backend_of(arguments.target).default_precision
        artifacts = (ArtifactSpec(arguments.scale or 2, precision, arguments.target),)
    elif arguments.target != DEFAULT_TARGET:
        raise BadInput("expected --scale or --precision with --target, found neither")
    recipe = replace(recipe, artifacts=artifacts, layers=plan)
    for folder in run_build(recipe, arguments.out, force=arguments.force, note=terminal.note):
        terminal.print(str(folder))
    return 0


def sensitivity(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Costs of layers as a table, a plot and a plan."""
    budget = Budget(arguments.max_loss, arguments.max_size)
    wanted = budget != Budget(None, None)
    if wanted != (arguments.out is not None):
        raise BadInput("expected --out together with --max-loss or --max-size, found one alone")
    for path, suffix in ((arguments.out, ".json"), (arguments.plot, ".svg")):
        if path is not None:
            check_path(path, (suffix,), arguments.force)
    model = load_checkpoint(arguments.checkpoint)
    pairs, on = measuring.measuring_pairs(arguments.data, arguments.scale)
    tiles = calibration_tiles(arguments.calibration, model)
    terminal.note(f"calibrating on {len(tiles)} tiles")
    bench = measuring.Bench(model, arguments.scale, arguments.precision, tiles, DEFAULT_RECIPE.int8, pairs)
    with terminal.progress("layers", measuring.count_steps(bench)) as step:
        found = measuring.measure(bench, on, step)
    choice = measuring.choose_layers(bench, found, budget) if wanted else None
    if choice is not None:
        plan = plan_of(choice, checkpoint_hash(model), on)
        write_report(arguments.out, plan.to_json())
    if arguments.plot is not None:
        write_report(arguments.plot, draw_costs(found))
    if arguments.json:
        terminal.json({**asdict(found), "chosen": None if choice is None else asdict(choice)})
        return 0
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
    title = f"dB of PSNR-Y lost at ×{arguments.scale} on {on}; fp32 has {found.fp32_db:.3f}"
    terminal.table(title, columns, rows)
    if choice is not None:
        terminal.print(
            f"{arguments.out}: {choice.summary}; loses {choice.loss_db:.4f} dB, about {choice.bytes:,} bytes"
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
        halves = [resize_bicubic(picture, size), upscaling.upscale(artifact, picture, size)]
        picture = beside(*(half[:, :, : size[1] // 2] for half in halves))
    write_image(arguments.output, picture)
    terminal.print(f"{arguments.output}: {picture.shape[2]}x{picture.shape[1]}")
    return 0
