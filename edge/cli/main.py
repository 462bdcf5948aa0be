"""The command ``liif-edge``: arguments in, results out, exit codes 0 to 3.

Help, usage errors and whatever is refused without the network come at once: the files of commands import
PyTorch, exporters and runtimes in the functions that need them.
"""

import argparse
import importlib
import sys
import traceback
from collections.abc import Collection, Sequence
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
    "upscale": ("pictures", "Enlarge an image."),
    "sample": ("pictures", "Draw the sample image, small."),
    "serve": ("page", "Open a page to enlarge, compare and look into images, on this machine only."),
    "baseline": ("checks", "Make a baseline bundle in fp32."),
    "check": ("checks", "Check an artifact against fp32."),
    "devices": ("checks", "List where artifacts can run, and what is missing."),
    "eval": (
        "measurements",
        "PSNR-Y and SSIM on test images, or the detail score on small text and icons.",
    ),
    "bench": ("measurements", "Time and memory against PyTorch."),
    "train": ("training", "Train or fine-tune by a recipe."),
    "prune": ("training", "Remove the least important channels."),
    "tune": ("tuning", "Search channel counts and precision: the Pareto front of PSNR drop and time."),
}

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 0 to 3 as ``edge.errors`` has them."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser({word for word in argv[:1] if word in COMMANDS}).parse_args(argv)
    from edge.cli.process import keep_freed_memory, let_threads_sleep
    from edge.cli.terminal import open_terminal

    keep_freed_memory()
    let_threads_sleep()
    with open_terminal(arguments.verbose) as terminal:
        try:
            return run(arguments, terminal)
        except (LiifEdgeError, ModelError, TrainingError) as error:
            terminal.log(f"liif-edge: {error}")
            if isinstance(error, LiifEdgeError):
                return error.exit_code
            return BadInput.exit_code if isinstance(error, ModelError) else CheckFailed.exit_code
        except KeyboardInterrupt:
            terminal.log("liif-edge: interrupted; nothing half-written was left")
            return INTERRUPTED
        except Exception:  # a defect of ours: the whole story, past the silenced streams
            terminal.log(traceback.format_exc())
            terminal.log("liif-edge: this is a defect of liif-edge; please report the lines above")
            return 70  # EX_SOFTWARE


def run(arguments: argparse.Namespace, terminal: "Terminal") -> int:
    """The chosen command."""
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
