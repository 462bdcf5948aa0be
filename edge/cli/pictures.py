"""The commands that make pictures: upscale, sample."""

import argparse
from dataclasses import replace
from pathlib import Path

from edge.backends.table import BACKENDS, DEFAULT_TARGET
from edge.card import Precision, Scale
from edge.cli.arguments import (
    Add,
    add_checkpoint,
    add_force,
    add_precision,
    add_tile,
    check_inputs,
    colour,
    number,
    picture_size,
    quality,
)
from edge.cli.terminal import Terminal
from edge.recipe import ArtifactSpec, check_scale
from models import EMBEDDED

AUTO = "auto"


def add_parsers(add: Add) -> None:
    """Declare the commands of this file."""
    _add_upscale(add)
    _add_sample(add)


def _add_upscale(add: Add) -> None:
    sub = add("upscale", upscale, "photo.png photo-2x.png --scale 2")
    sub.add_argument("input", type=Path, metavar="IN", help="PNG, JPEG, WebP, AVIF, TIFF, GIF or BMP")
    sub.add_argument("output", type=Path, metavar="OUT", help="PNG, JPEG, WebP, AVIF or TIFF")
    target = sub.add_mutually_exclusive_group()
    target.add_argument("--scale", type=number, help="factor, 1 to 30, whole or not (2)")
    target.add_argument("--size", type=picture_size, metavar="WxH", help="target size in pixels instead")
    add_precision(sub, BACKENDS[DEFAULT_TARGET].precisions, "int8")
    sub.add_argument("--artifact", type=Path, metavar="DIR", help="use this artifact")
    of = sub.add_mutually_exclusive_group()
    of.add_argument(
        "--weights",
        choices=[AUTO, *EMBEDDED],
        default=AUTO,
        help="embedded weights; auto chooses by how the file was saved (auto)",
    )
    add_checkpoint(of, default=None)
    add_tile(sub, None, None)
    sub.add_argument("--quality", type=quality, help="of JPEG (95), WebP (lossless) and AVIF (90), 1 to 100")
    sub.add_argument("--background", type=colour, metavar="COLOUR", help="put behind what is transparent")
    sub.add_argument("--strip", action="store_true", help="leave EXIF (its GPS, too), XMP and texts out")
    add_force(sub)


def upscale(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """A picture file, enlarged."""
    if arguments.scale is not None:
        check_scale(arguments.scale)
    from edge.images.image_file import bits_of_output, check_output, read_image, write_picture

    check_output(arguments.output, arguments.force, quality=arguments.quality)
    picture = read_image(arguments.input)
    if arguments.strip:
        picture = replace(picture, metadata=picture.metadata.stripped())
    for note in picture.notes:
        terminal.log(f"{arguments.input}: {note}")
    from edge.run import upscale as upscaling
    from edge.run.artifact import Artifact

    lr_size = picture.size
    scale = 2.0 if arguments.scale is None else arguments.scale
    size = arguments.size or upscaling.target_size(lr_size, scale)
    upscaling.check_target(lr_size, size)
    target = upscaling.enlarged(
        picture, size, arguments.background, bits_of_output(arguments.output, picture.bits)
    )
    check_output(arguments.output, arguments.force, target)
    reason = ""
    if arguments.artifact is not None:
        artifact = Artifact.open(arguments.artifact)
    else:
        from edge.cache import cached_artifact

        checkpoint, reason = _weights_for(arguments)
        spec = _spec_for(lr_size, size, arguments.precision)
        check_inputs(checkpoint)
        artifact = Artifact.open(cached_artifact(checkpoint, spec, terminal.log))
    tiles = upscaling.render_picture(
        artifact,
        picture,
        target,
        background=arguments.background,
        tile=arguments.tile,
        halo=arguments.halo,
    )
    tracked = terminal.track(arguments.input.name, tiles)
    write_picture(arguments.output, upscaling.filled(target, tracked), arguments.quality)
    terminal.print(
        f"{arguments.output}: {size[1]}x{size[0]} from {lr_size[1]}x{lr_size[0]}, "
        f"by {artifact.card.name}{reason}"
    )
    return 0


def _spec_for(lr_size: tuple[int, int], size: tuple[int, int], precision: Precision) -> ArtifactSpec:
    """The fixed-scale artifact where one fits ``size``, else the any-scale one."""
    fixed: tuple[Scale, ...] = (2, 3, 4)
    for scale in fixed:
        if scale != "any" and size == (scale * lr_size[0], scale * lr_size[1]):
            return ArtifactSpec(scale, precision)
    return ArtifactSpec("any", precision)


def _weights_for(arguments: argparse.Namespace) -> tuple[Path, str]:
    """The checkpoint to upscale with, and what to say of it after the artifact's name."""
    if arguments.checkpoint is not None:
        return arguments.checkpoint, ""
    if arguments.weights != AUTO:
        return EMBEDDED[arguments.weights], f" of {arguments.weights}"
    from edge.run.weights import choose_weights

    choice = choose_weights(arguments.input)
    return EMBEDDED[choice.weights], f" of {choice.weights} ({choice.reason})"


def _add_sample(add: Add) -> None:
    sub = add("sample", sample, "sample.png")
    sub.add_argument("output", type=Path, metavar="OUT")
    sub.add_argument("--compare", type=Path, metavar="ARTIFACT", help="bicubic and the artifact side by side")
    add_force(sub)


def sample(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The drawn sample, or a part of it enlarged by bicubic and by an artifact, side by side."""
    from edge.images.image_file import check_output, write_image
    from edge.images.pictures import beside, resize_bicubic
    from edge.images.pixels import to_float
    from edge.run import upscale as upscaling
    from edge.run.artifact import Artifact
    from models.drawings import draw_sample

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
