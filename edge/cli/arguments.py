"""What commands have in common on the command line: how one is declared, its options and their types."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.backends.table import BACKENDS, DEFAULT_TARGET
from edge.cli.terminal import Terminal
from edge.errors import BadInput
from models import DEFAULT_WEIGHTS, EMBEDDED, SCALES
from models.embedded import check_checkpoint_file
from models.picture_files import picture_files

Command = Callable[[argparse.Namespace, Terminal], int]

# Declares a command of ``edge.cli.main.COMMANDS``: its name, what runs it, and the arguments of an example.
Add = Callable[[str, Command, str], argparse.ArgumentParser]

EVERY_PRECISION = sorted({precision for backend in BACKENDS.values() for precision in backend.precisions})


def add_artifact(sub: argparse.ArgumentParser) -> None:
    """The artifact's folder, as the first argument."""
    sub.add_argument("artifact", type=Path, metavar="ARTIFACT")


def add_checkpoint(sub: argparse._ActionsContainer, default: Path | None = DEFAULT_WEIGHTS) -> None:
    """``--checkpoint``."""
    sub.add_argument(
        "--checkpoint",
        type=checkpoint_path,
        default=default,
        metavar="FILE",
        help=f"upstream's .pth, a .safetensors, or the name of embedded weights: {', '.join(EMBEDDED)}",
    )


def add_integer_scale(sub: argparse.ArgumentParser, default: int | None = 2, text: str | None = None) -> None:
    """``--scale`` of commands that take 2, 3 or 4."""
    sub.add_argument("--scale", type=int, choices=SCALES, default=default, help=text)


def add_precision(
    sub: argparse._ActionsContainer,
    choices: Sequence[str] = EVERY_PRECISION,
    default: str | None = None,
    text: str | None = None,
) -> None:
    """``--precision``; without ``choices``, of any target."""
    sub.add_argument("--precision", choices=choices, default=default, help=text)


def add_target(sub: argparse.ArgumentParser) -> None:
    """``--target``."""
    sub.add_argument("--target", choices=list(BACKENDS), default=DEFAULT_TARGET)


def add_tile(sub: argparse._ActionsContainer, tile: int | None, halo: int | None) -> None:
    """``--tile`` and ``--halo``; None: as the artifact's card has them."""
    for name, default, what in (("--tile", tile, "LR pixels, halo included"), ("--halo", halo, "LR pixels")):
        shown = "the card's" if default is None else default
        sub.add_argument(name, type=count, default=default, help=f"{what} ({shown})")


def add_data(sub: argparse.ArgumentParser, text: str, required: bool = False) -> None:
    """``--data``: a folder of pictures to learn from or to measure on."""
    sub.add_argument("--data", type=Path, required=required, metavar="DIR", help=text)


def add_calibration(sub: argparse.ArgumentParser, text: str = "images to calibrate int8 on") -> None:
    """``--calibration``: a folder of pictures."""
    sub.add_argument("--calibration", type=Path, metavar="DIR", help=text)


def add_batches(sub: argparse.ArgumentParser) -> None:
    """``--batches`` of patches, on which the importance of channels is measured."""
    sub.add_argument("--batches", type=count, default=64, help="of 4 patches, to measure importance on (64)")


def add_force(sub: argparse._ActionsContainer) -> None:
    """``--force``."""
    sub.add_argument("--force", action="store_true", help="replace what exists")


def add_json(sub: argparse.ArgumentParser) -> None:
    """``--json``."""
    sub.add_argument("--json", action="store_true", help="print one JSON object, for machines")


def check_inputs(checkpoint: Path | None, *folders: Path | None) -> None:
    """Refuse, before PyTorch is imported, a checkpoint and folders of images that are not there; None: not
    given.

    Raises CheckpointError, and DataError for a folder without images.
    """
    if checkpoint is not None:
        check_checkpoint_file(checkpoint)
    for folder in folders:
        if folder is not None:
            picture_files(folder)


def checkpoint_path(text: str) -> Path:
    """A file, or the embedded weights of that name."""
    return EMBEDDED.get(text, Path(text))


def scale_or_any(text: str) -> int | str:
    """``2``, ``3``, ``4`` or ``any``."""
    if text not in ("2", "3", "4", "any"):
        raise argparse.ArgumentTypeError(f"expected 2, 3, 4 or any, found {text!r}")
    return text if text == "any" else int(text)


def number(text: str) -> float:
    """A number, NaN and infinity among them: who uses it refuses them."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}") from None


def size_in_bytes(text: str) -> int:
    """``800KB`` or ``1.8MB`` (thousands and millions, as the README counts) or a plain number of bytes."""
    units = {"KB": 1e3, "MB": 1e6}
    unit = units.get(text[-2:].upper(), 1.0)
    value = number(text[:-2] if unit != 1 else text)
    if not 1 <= value * unit < 1e12:
        raise argparse.ArgumentTypeError(f"expected a size like 2MB or 800KB, found {text!r}")
    return int(value * unit)


def device_option(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` to the two."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    return name, value


def whole_number(low: int, high: int, expected: str) -> Callable[[str], int]:
    """The type of a whole number from ``low`` to ``high``, ``expected`` in the words for what is none."""

    def parse(text: str) -> int:
        if not (text.isdecimal() and len(text) <= len(str(high)) and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
        return int(text)

    return parse


count = whole_number(0, 999_999, "a whole number of pixels or runs")
workers = whole_number(1, 64, "1 to 64 pictures at a time")
quality = whole_number(1, 100, "a quality from 1 to 100")
percent = whole_number(0, 100, "0 to 100")


def factors(text: str) -> tuple[float, ...]:
    """``x3,x4`` or ``3,4`` to numbers."""
    return tuple(number(factor.strip().removeprefix("x")) for factor in text.split(","))


def colour(text: str) -> tuple[int, int, int]:
    """``white`` or ``#ffffff`` to bytes of red, green and blue."""
    from edge.images.picture import parse_colour

    try:
        return parse_colour(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def size_or_side(text: str) -> tuple[int | None, int | None]:
    """``WxH``, ``Wx`` or ``xH`` to (W, H); None: not said."""
    width, x, height = text.lower().partition("x")
    if not (x and (width or "0").isdecimal() and (height or "0").isdecimal() and 1 < len(text) < 16):
        raise argparse.ArgumentTypeError(f"expected a size like 1920x1080, 1920x or x1080, found {text!r}")
    return int(width) if width else None, int(height) if height else None


def picture_size(text: str) -> tuple[int, int]:
    """``WxH`` to (W, H)."""
    width, height = size_or_side(text)
    if width is None or height is None:
        raise argparse.ArgumentTypeError(f"expected a size like 1920x1080, found {text!r}")
    return width, height
