"""The command ``liif-edge``: arguments in, results out, exit codes 0 to 3.

Help, usage errors and whatever is refused without the network come at once: the files of commands import
PyTorch, exporters and runtimes in the functions that need them.
"""

import argparse
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import BadInput, CheckFailed, LiifEdgeError
from models.errors import ModelError, TrainingError

if TYPE_CHECKING:
    from edge.cli.arguments import Command
    from edge.cli.terminal import Terminal

# By command, in the order of help: the file that declares its options and runs it, and what it does.
COMMANDS = {
    "build": ("artifacts", "Build artifacts, and measure each against fp32."),
    "sensitivity": (
        "artifacts",
        "What each layer costs at each bit width, and which to choose for a budget.",
    ),
    "info": ("artifacts", "Print an artifact's card."),
    "upscale": ("upscaling", "Enlarge images."),
    "sample": ("pictures", "Draw the sample image, small."),
    "serve": ("page", "Open a page to enlarge, compare and look into images, on this machine only."),
    "baseline": ("checks", "Make a baseline bundle in fp32."),
    "check": ("checks", "Check an artifact against fp32."),
    "devices": ("checks", "List where artifacts can run, and what is missing."),
    "eval": (
        "measurements",
        "PSNR-Y and SSIM on test images, or the detail score on small text and icons.",
    ),
    "bench": (
        "benchmarks",
        "Time and memory against PyTorch and other engines; where a program's time goes.",
    ),
    "train": ("training", "Train or fine-tune by a recipe."),
    "prune": ("training", "Remove the least important channels."),
    "train-router": ("routers", "Train what sends the cells of an image that gain most to a bigger network."),
    "tune": ("tuning", "Search channel counts and precision: the Pareto front of PSNR drop and time."),
}

# Of an OSError: the disk, and no defect of ours.
LACKS_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 0 to 3 as ``edge.errors`` has them."""
    from edge.cli.process import INTERRUPTED, TERMINATED, Terminated, sigterm_raised

    try:
        with sigterm_raised():
            return run_line(argv)
    except (KeyboardInterrupt, Terminated) as stop:
        with suppress(OSError):  # where standard error cannot be written, there is no way to say so
            print("liif-edge: interrupted; nothing half-written was left", file=sys.stderr)
        return INTERRUPTED if isinstance(stop, KeyboardInterrupt) else TERMINATED


def run_line(argv: Sequence[str] | None) -> int:
    """``main``, but for signals, which may come while arguments are read, too."""
    from edge.cli.process import end_at_once, keep_freed_memory, let_threads_sleep, open_closed_streams

    closed = open_closed_streams()
    arguments = parse(sys.argv[1:] if argv is None else argv)
    from edge.cli.terminal import open_terminal

    keep_freed_memory()
    let_threads_sleep()
    end_at_once()
    with open_terminal(arguments.verbose, 1 in closed) as terminal:
        try:
            return run(arguments, terminal)
        except (LiifEdgeError, ModelError, TrainingError) as error:
            terminal.log(f"liif-edge: {error}")
            if isinstance(error, LiifEdgeError):
                return error.exit_code
            return BadInput.exit_code if isinstance(error, ModelError) else CheckFailed.exit_code
        except OSError as error:
            if error.errno not in LACKS_DISK:
                return defect(terminal)
            where = error.filename or "a file"
            terminal.log(f"liif-edge: {where}: expected to read and write it, found {error.strerror}")
            return BadInput.exit_code
        except Exception:
            return defect(terminal)


def defect(terminal: "Terminal") -> int:
    """The exception that is being handled is a defect of ours: the whole story, past the silenced streams."""
    terminal.log(traceback.format_exc())
    terminal.log("liif-edge: this is a defect of liif-edge; please report the lines above")
    return 70  # EX_SOFTWARE


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command that ``argv`` begins with, and its options. Exits as argparse does, for help and errors."""
    root = parser({word for word in argv[:1] if word in COMMANDS})
    try:
        arguments, rest = root.parse_known_args(argv)
        # Of paths around options, argparse gives the first ones to the command, and leaves the others.
        if rest and (not hasattr(arguments, "paths") or any(map(is_option, rest))):
            root.error(f"unrecognized arguments: {' '.join(rest)}")
    except SystemExit as leaving:
        files = [word for word in argv if is_option(word) and os.path.lexists(word)]
        if leaving.code and files:
            hint = f"a file whose name begins with - is written with its folder: ./{files[0]}"
            print(hint, file=sys.stderr)
        raise
    if rest:
        arguments.paths += map(Path, rest)
    return arguments


def is_option(word: str) -> bool:
    """Whether argparse takes it for one; - alone is standard input or output."""
    return word.startswith("-") and word != "-"


def run(arguments: argparse.Namespace, terminal: "Terminal") -> int:
    """The chosen command. Raises BadInput in a working folder that was deleted."""
    try:
        os.getcwd()
    except OSError as error:  # libraries below PyTorch end the process without a word
        raise BadInput("expected a working folder, found it deleted: change to another") from error
    command: Command = arguments.command
    return command(arguments, terminal)


def parser(chosen: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """All commands, with the options of those ``chosen``: the others' files are not imported."""
    root = argparse.ArgumentParser(
        prog="liif-edge",
        description="LIIF-EDSR super-resolution on phones and offline: build, upscale, verify.",
        epilog="example: liif-edge upscale photo.png photo-2x.png",
    )
    root.set_defaults(verbose=False)
    subparsers = root.add_subparsers(required=True, metavar="COMMAND")
    parsers = {
        name: subparsers.add_parser(name, help=text, description=text) for name, (_, text) in COMMANDS.items()
    }

    def add(name: str, command: "Command", example: str) -> argparse.ArgumentParser:
        sub = parsers[name]
        sub.epilog = f"example: liif-edge {name} {example}"
        sub.add_argument("-v", "--verbose", action="store_true", help="show what third parties print, too")
        sub.set_defaults(command=command)
        return sub

    for file in dict.fromkeys(COMMANDS[name][0] for name in chosen):
        importlib.import_module(f"edge.cli.{file}").add_parsers(add)
    return root
