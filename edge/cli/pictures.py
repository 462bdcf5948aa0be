"""The command ``sample``."""

import argparse
from pathlib import Path

from edge.cli.arguments import Add, add_force
from edge.cli.terminal import Terminal


def add_parsers(add: Add) -> None:
    """Declare the command of this file."""
    sub = add("sample", sample, "sample.png")
    sub.add_argument("output", type=Path, metavar="OUT")
    sub.add_argument("--compare", type=Path, metavar="ARTIFACT", help="bicubic and the artifact side by side")
    add_force(sub)


def sample(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The drawn sample, or a part of it enlarged by bicubic and by an artifact, side by side."""
    from edge.images.image_file import check_output, write_image
    from edge.images.pictures import beside, resize_bicubic
    from edge.images.pixels import planes_of
    from edge.run import upscale as upscaling
    from edge.run.artifact import Artifact
    from models.drawings import draw_sample

    check_output(arguments.output, arguments.force)
    picture = planes_of(draw_sample())
    if arguments.compare is not None:
        artifact = Artifact.open(arguments.compare)
        size = (2 * picture.shape[1], 2 * picture.shape[2])
        halves = [resize_bicubic(picture, size), upscaling.upscale(artifact, picture, size)]
        picture = beside(*(half[:, :, : size[1] // 2] for half in halves))
    write_image(arguments.output, picture)
    terminal.print(f"{arguments.output}: {picture.shape[2]}x{picture.shape[1]}")
    return 0
