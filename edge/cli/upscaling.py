"""The command ``upscale``: one picture, or, through ``edge.cli.folders``, many."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge.backends.table import BACKENDS, DEFAULT_TARGET
from edge.cli.arguments import (
    Add,
    add_checkpoint,
    add_force,
    add_precision,
    add_tile,
    colour,
    factors,
    number,
    percent,
    picture_size,
    quality,
    size_or_side,
    workers,
)
from edge.cli.folders import FolderRun, upscale_folder
from edge.cli.terminal import Terminal
from edge.embedded import AUTO
from edge.errors import BadInput
from models import EMBEDDED

if TYPE_CHECKING:
    from edge.jobs.job import Settings
    from edge.jobs.plan import Naming
    from edge.run.target import Target

STREAM = Path("-")  # standard input, or standard output


def add_parsers(add: Add) -> None:
    """Declare the command of this file."""
    sub = add("upscale", upscale, "photo.png photo-2x.png --scale 2")
    sub.usage = (
        "liif-edge upscale [options] IN OUT\n       "
        "liif-edge upscale [options] FOLDER OUT_FOLDER\n       "
        "liif-edge upscale [options] IN [IN ...] --to OUT_FOLDER"
    )
    sub.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="IN",
        help="PNG, JPEG, WebP, AVIF, TIFF, GIF or BMP, a folder, or - for standard input; at the end OUT, "
        "PNG, JPEG, WebP, AVIF or TIFF (of an animation PNG, WebP, APNG or GIF), a folder, or - for standard "
        "output",
    )
    _add_target(sub)
    _add_network(sub)
    _add_output(sub)
    _add_many(sub)


def _add_target(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("size")
    target = group.add_mutually_exclusive_group()
    target.add_argument("--scale", type=number, help="factor, 1 to 30, whole or not (2)")
    target.add_argument("--size", type=size_or_side, metavar="WxH", help="pixels; Wx and xH keep the ratio")
    target.add_argument("--fit", type=picture_size, metavar="WxH", help="as large as fits inside, in pixels")
    target.add_argument("--megapixels", type=number, metavar="N", help="as large as N million pixels hold")
    group.add_argument("--also", type=factors, default=(), metavar="xN,…", help="other factors, with --to")


def _add_network(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("network")
    add_precision(group, BACKENDS[DEFAULT_TARGET].precisions, text="int8; small networks: int8-dynamic")
    group.add_argument("--artifact", type=Path, metavar="DIR", help="use this artifact")
    of = group.add_mutually_exclusive_group()
    of.add_argument(
        "--weights",
        choices=[AUTO, *EMBEDDED],
        default=AUTO,
        help="embedded weights; auto chooses by how the file was saved (auto)",
    )
    add_checkpoint(of, default=None)
    add_tile(group, None, None)
    group.add_argument("--ensemble", action="store_true", help="mean of 8 flips and turns; 8 times the time")
    routed = group.add_mutually_exclusive_group()
    routed.add_argument(
        "--effort",
        type=percent,
        metavar="0..100",
        help="percent of an average photograph that a bigger network makes, where it gains most, at ×2 only",
    )
    routed.add_argument("--budget", type=number, metavar="0..1", help="the same as a share of each picture")
    group.add_argument(
        "--bigger", type=Path, metavar="DIR", help="artifact of the bigger network (the embedded one)"
    )


def _add_output(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("output")
    group.add_argument("--quality", type=quality, help="of JPEG (95), WebP (lossless), AVIF (90), 1 to 100")
    group.add_argument("--background", type=colour, metavar="COLOUR", help="put behind what is transparent")
    group.add_argument("--strip", action="store_true", help="leave EXIF (its GPS, too), XMP and texts out")
    group.add_argument("--format", metavar="NAME", help="png, jpg, webp, avif or tif, for - and --to")
    add_force(group)


def _add_many(sub: argparse.ArgumentParser) -> None:
    group = sub.add_argument_group("several pictures")
    group.add_argument("--to", type=Path, metavar="DIR", help="folder for the results of all IN")
    group.add_argument("--name", metavar="PATTERN", help="{stem}-{scale}x{suffix}, for example")
    group.add_argument("--jobs", type=workers, default=1, metavar="N", help="pictures at a time (1)")
    group.add_argument(
        "--engine",
        choices=["processes", "ray"],
        default="processes",
        help="who works: processes here, or a Ray cluster (processes)",
    )
    group.add_argument("--dry-run", action="store_true", help="say what would be done")
    group.add_argument("--log", type=Path, metavar="FILE", help="add a line of JSON a picture to it")


def upscale(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Picture files, enlarged: one, or many into a folder."""
    if arguments.bigger is not None and arguments.effort is None and arguments.budget is None:
        raise BadInput("--bigger: expected --effort or --budget with it, found neither")
    target, settings = _target(arguments), _settings(arguments)
    *inputs, folder = arguments.paths if arguments.to is None else [*arguments.paths, arguments.to]
    if arguments.to is None and not (len(inputs) == 1 and os.path.isdir(inputs[0])):
        return _upscale_one(arguments, target, settings, terminal)
    if STREAM in (*inputs, folder):
        raise BadInput("expected files and folders, found -, which is for one picture")
    targets = (target, *_also(arguments))
    run = FolderRun(
        inputs,
        folder,
        targets,
        _naming(arguments, len(targets)),
        settings,
        count=arguments.jobs,
        engine=arguments.engine,
        force=arguments.force,
        log=arguments.log,
        dry=arguments.dry_run,
    )
    return upscale_folder(run, terminal)


def _upscale_one(
    arguments: argparse.Namespace, target: "Target", settings: "Settings", terminal: Terminal
) -> int:
    _check_one(arguments)
    source, path = arguments.paths
    with _files(source, path, _suffix(arguments) or ".png", terminal) as (readable, writable):
        enlarged = settings.upscaler(terminal.log).upscale_file(
            readable,
            writable,
            target,
            settings.output,
            lambda tiles: terminal.track(readable.name, tiles),
            force=arguments.force,
        )
    for note in enlarged.notes:
        terminal.log(f"{source}: {note}")
    say = terminal.log if path == STREAM else terminal.print
    say(f"{path}: {enlarged}")
    return 0


def _check_one(arguments: argparse.Namespace) -> None:
    """Raises BadInput for what is not one picture to one place, and for options that only many have."""
    n_paths = len(arguments.paths)
    if n_paths != 2:
        found = f"{n_paths} inputs" if n_paths > 2 else f"{arguments.paths[0]} alone"
        raise BadInput(f"expected IN and OUT, or a folder for the results by --to, found {found}")
    of_many = {
        "--also": arguments.also,
        "--name": arguments.name,
        "--jobs": arguments.jobs > 1,
        "--engine": arguments.engine == "ray",
        "--dry-run": arguments.dry_run,
        "--log": arguments.log,
    }
    if given := [option for option, value in of_many.items() if value]:
        raise BadInput(f"{' '.join(given)}: expected a folder for the results, by --to, found one picture")
    if arguments.format and arguments.paths[1] != STREAM:
        raise BadInput(f"--format: expected --to or -, found {arguments.paths[1]}, which says its format")


@contextmanager
def _files(source: Path, path: Path, suffix: str, terminal: Terminal) -> Iterator[tuple[Path, Path]]:
    """``source`` and ``path``; in place of standard input and output, files to read and to write."""
    if STREAM not in (source, path):
        yield source, path
        return
    with tempfile.TemporaryDirectory() as folder:
        readable, writable = source, path
        if source == STREAM:
            readable = Path(folder, "standard input")
            _save_input(readable)
        if path == STREAM:
            writable = Path(folder, f"standard output{suffix}")
        try:
            yield readable, writable
        except BadInput as error:  # of these files the user knows no folder
            raise type(error)(str(error).replace(f"{folder}{os.sep}", "")) from error
        if path == STREAM:
            terminal.write(writable.read_bytes())


def _save_input(path: Path) -> None:
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    except OSError as error:
        found = f"{error.strerror} in {path.parent.parent}"
        raise BadInput(f"standard input: expected to keep it while it is read, found {found}") from error


def _target(arguments: argparse.Namespace) -> "Target":
    from edge.run.target import ByFactor, Inside, ToMegapixels, ToSize

    if arguments.size is not None:
        return ToSize(*arguments.size)
    if arguments.fit is not None:
        return Inside(*arguments.fit)
    if arguments.megapixels is not None:
        return ToMegapixels(arguments.megapixels)
    return ByFactor() if arguments.scale is None else ByFactor(arguments.scale)


def _also(arguments: argparse.Namespace) -> "list[Target]":
    from edge.run.target import ByFactor

    return [ByFactor(factor) for factor in arguments.also]


def _settings(arguments: argparse.Namespace) -> "Settings":
    from edge.jobs.job import Settings
    from edge.upscaler import Output

    return Settings(
        arguments.checkpoint or arguments.weights,
        arguments.artifact,
        arguments.precision,
        arguments.tile,
        arguments.halo,
        arguments.ensemble,
        Output(arguments.quality, arguments.background, arguments.strip),
        arguments.effort,
        arguments.budget,
        arguments.bigger,
    )


def _naming(arguments: argparse.Namespace, n_targets: int) -> "Naming":
    from edge.jobs.plan import NAME_WITH_SCALE, SAME_NAME, Naming

    default = SAME_NAME if n_targets == 1 else NAME_WITH_SCALE
    return Naming(arguments.name or default, _suffix(arguments))


def _suffix(arguments: argparse.Namespace) -> str | None:
    """Of --format. Raises BadInput for one that cannot be written."""
    if arguments.format is None:
        return None
    from edge.images.encoding import FORMATS

    suffix = f".{arguments.format.lower()}"
    if suffix not in FORMATS:
        known = ", ".join(name.removeprefix(".") for name in FORMATS)
        raise BadInput(f"--format: expected {known}, found {arguments.format}")
    return suffix
