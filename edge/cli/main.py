"""The command ``liif-edge``: arguments in, results out, exit codes 0 to 3.

Help, usage errors and whatever is refused without the network come at once: the files of commands import
PyTorch, exporters and runtimes in the functions that need them.
"""

import argparse
import traceback
from collections.abc import Sequence

from edge.cli import artifacts, checks, measurements, pictures, training, tuning
from edge.cli.arguments import Command
from edge.cli.memory import keep_freed_memory
from edge.cli.terminal import Terminal, open_terminal
from edge.errors import BadInput, CheckFailed, LiifEdgeError
from models.errors import ModelError, TrainingError

# Each file declares its own commands; help lists them in this order.
PARSERS = (
    artifacts.add_parsers,
    pictures.add_parsers,
    checks.add_parsers,
    measurements.add_parsers,
    training.add_parsers,
    tuning.add_parsers,
)

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 0 to 3 as ``edge.errors`` has them."""
    arguments = parser().parse_args(argv)
    keep_freed_memory()
    with open_terminal(arguments.verbose) as terminal:
        try:
            return run(arguments, terminal)
        except (LiifEdgeError, ModelError, TrainingError) as error:
            terminal.note(f"liif-edge: {error}")
            if isinstance(error, LiifEdgeError):
                return error.exit_code
            return BadInput.exit_code if isinstance(error, ModelError) else CheckFailed.exit_code
        except KeyboardInterrupt:
            terminal.note("liif-edge: interrupted; nothing half-written was left")
            return INTERRUPTED
        except Exception:  # a defect of ours: the whole story, past the silenced streams
            terminal.note(traceback.format_exc())
            terminal.note("liif-edge: this is a defect of liif-edge; please report the lines above")
            return 70  # EX_SOFTWARE


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The chosen command."""
    command: Command = arguments.command
    return command(arguments, terminal)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    root = argparse.ArgumentParser(
        prog="liif-edge",
        description="LIIF-EDSR super-resolution on phones and offline: build, upscale, verify.",
        epilog="example: liif-edge upscale photo.png photo-2x.png",
    )
    root.set_defaults(verbose=False)
    subparsers = root.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str, example: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(
            name, help=text, description=text, epilog=f"example: liif-edge {name} {example}"
        )
        sub.add_argument("-v", "--verbose", action="store_true", help="show what third parties print, too")
        sub.set_defaults(command=command)
        return sub

    for add_parsers in PARSERS:
        add_parsers(add)
    return root
