"""The command ``liif-edge``: arguments in, results out, exit codes 0 to 3."""

import argparse
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.backends.table import BACKENDS, DEFAULT_TARGET
from edge.check.device_outputs import FILES
from edge.cli import (
    artifacts as commands,
)
from edge.cli import (
    checks as check_commands,
)
from edge.cli import (
    measurements as measure_commands,
)
from edge.cli import (
    training as training_commands,
)
from edge.cli import (
    tuning as tuning_commands,
)
from edge.cli.memory import keep_freed_memory
from edge.cli.terminal import Terminal, open_terminal
from edge.devices.table import DEVICES
from edge.errors import BadInput, CheckFailed, LiifEdgeError
from edge.layer_plan import WIDTHS
from edge.recipe import DEFAULT_HALO, DEFAULT_TILE
from models import DEFAULT_WEIGHTS, EMBEDDED
from models.errors import ModelError, TrainingError

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
    command: Callable[[argparse.Namespace, Terminal], int] = arguments.command
    return command(arguments, terminal)


ALL_PRECISIONS = sorted({p for backend in BACKENDS.values() for p in backend.precisions})


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    root = argparse.ArgumentParser(
        prog="liif-edge",
        description="LIIF-EDSR super-resolution on phones and offline: build, upscale, verify.",
        epilog="example: liif-edge upscale photo.png photo-2x.png",
    )
    root.set_defaults(verbose=False)
    subparsers = root.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, command: Callable[[argparse.Namespace, Terminal], int], text: str, example: str
    ) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(
            name, help=text, description=text, epilog=f"example: liif-edge {name} {example}"
        )
        sub.add_argument("-v", "--verbose", action="store_true", help="show what third parties print, too")
        sub.set_defaults(command=command)
        return sub

    sub = add("build", commands.build, "Build artifacts, and measure each against fp32.", "--out dist")
    _checkpoint(sub)
    sub.add_argument("--out", type=Path, default=Path("dist"), help="folder for the artifacts (dist)")
    sub.add_argument("--scale", type=_scale_or_any, help="2, 3, 4 or any; without it: the default recipe")
    sub.add_argument("--precision", choices=ALL_PRECISIONS)
    sub.add_argument("--target", choices=list(BACKENDS), default=DEFAULT_TARGET)
    sub.add_argument("--calibration", type=Path, metavar="DIR", help="pictures to calibrate int8 on")
    sub.add_argument(
        "--layers-from", type=Path, metavar="FILE.json", help="widths of layers; see sensitivity"
    )
    sub.add_argument(
        "--tile", type=_count, default=DEFAULT_TILE, help=f"LR pixels, halo included ({DEFAULT_TILE})"
    )
    sub.add_argument("--halo", type=_count, default=DEFAULT_HALO, help=f"LR pixels ({DEFAULT_HALO})")
    sub.add_argument("--stages", action="store_true", help="with a method per stage, for check to look into")
    _force(sub)

    sub = add(
        "sensitivity",
        commands.sensitivity,
        "What each layer costs at each width, and which widths to choose for a budget.",
        "--max-loss 0.01 --out layers.json",
    )
    _checkpoint(sub)
    sub.add_argument(
        "--precision", choices=list(WIDTHS), default="int8", help="what the layers are chosen for (int8)"
    )
    sub.add_argument("--scale", type=int, choices=(2, 3, 4), default=2)
    sub.add_argument("--data", type=Path, metavar="DIR", help="pictures to measure on (built-in ones)")
    sub.add_argument(
        "--calibration", type=Path, metavar="DIR", help="pictures to calibrate on (built-in ones)"
    )
    sub.add_argument("--max-loss", type=_number, metavar="DB", help="dB of PSNR-Y that may be lost")
    sub.add_argument("--max-size", type=_bytes, metavar="SIZE", help="of the program, say 2MB or 800KB")
    sub.add_argument(
        "--out", type=Path, metavar="FILE.json", help="write the layers, for build --layers-from"
    )
    sub.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw what each layer costs")
    _force(sub)
    _json(sub)

    sub = add("upscale", commands.upscale, "Enlarge a picture.", "photo.png photo-2x.png --scale 2")
    sub.add_argument("input", type=Path, metavar="IN", help="PNG, JPEG or WebP")
    sub.add_argument("output", type=Path, metavar="OUT", help="PNG, JPEG or WebP")
    target = sub.add_mutually_exclusive_group()
    target.add_argument("--scale", type=_number, help="factor, 1 to 30, whole or not (2)")
    target.add_argument("--size", type=_size, metavar="WxH", help="target size in pixels instead")
    sub.add_argument("--precision", choices=BACKENDS[DEFAULT_TARGET].precisions, default="int8")
    sub.add_argument("--artifact", type=Path, metavar="DIR", help="use this artifact")
    _checkpoint(sub)
    sub.add_argument("--tile", type=_count, help="LR pixels, halo included (the card's)")
    sub.add_argument("--halo", type=_count, help="LR pixels (the card's)")
    _force(sub)

    sub = add(
        "baseline", check_commands.baseline, "Make a baseline bundle in fp32.", "baseline.npz --scale 2"
    )
    sub.add_argument("output", type=Path, metavar="OUT.npz")
    _checkpoint(sub)
    sub.add_argument("--scale", type=_number, default=2.0, help="factor, 1 to 30 (2)")
    sub.add_argument("--images", type=Path, metavar="DIR", help="pictures instead of the built-in ones")
    sub.add_argument("--tile", type=_count, default=64, help="side of the tile cut from each picture (64)")
    sub.add_argument("--export", type=Path, metavar="DIR", help="write the inputs, too, for a device to take")
    _force(sub)

    sub = add("check", check_commands.check, "Check an artifact against fp32.", "dist/liif-x2-int8-xnnpack")
    sub.add_argument("artifact", type=Path, metavar="ARTIFACT")
    sub.add_argument("--baseline", type=Path, metavar="FILE.npz", help="bundle; else made of --checkpoint")
    sub.add_argument("--device", choices=[*DEVICES, FILES], help="where it runs; see liif-edge devices")
    sub.add_argument(
        "--option",
        type=_option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the device, say cpu=cortex-a53; liif-edge devices lists them",
    )
    sub.add_argument("--outputs", type=Path, metavar="DIR", help="for the device files: what it wrote")
    sub.add_argument("--layers", action="store_true", help="look into every layer of the program, too")
    sub.add_argument("--report", type=Path, metavar="FILE.html", help="write a page to look at, too")
    sub.add_argument("--junit", type=Path, metavar="FILE.xml", help="write JUnit XML, too")
    _force(sub)
    _checkpoint(sub)
    _json(sub)

    sub = add(
        "eval",
        measure_commands.evaluate,
        "PSNR-Y and SSIM on test pictures, or the detail score on small text and icons.",
        "dist/liif-x2-int8-xnnpack --data Set5",
    )
    sub.add_argument("artifact", type=Path, metavar="ARTIFACT")
    measured = sub.add_mutually_exclusive_group(required=True)
    measured.add_argument("--data", type=Path, metavar="DIR", help="*_HR/*_LR pairs, or HR alone")
    measured.add_argument("--details", action="store_true", help="edges, flat parts and legibility instead")
    sub.add_argument(
        "--degraded", action="store_true", help="with --data: its HR reduced by other filters, saved as JPEG"
    )
    sub.add_argument("--save", type=Path, metavar="DIR", help="with --details: write its pages, to look at")
    sub.add_argument("--scale", type=int, choices=(2, 3, 4), help="for any-scale artifacts (2)")
    _checkpoint(sub)
    _json(sub)

    sub = add("bench", measure_commands.bench, "Time and memory against PyTorch.", "--tile 128")
    sub.add_argument(
        "artifacts", type=Path, nargs="*", metavar="ARTIFACT", help="time these, too, beside the others"
    )
    _checkpoint(sub)
    sub.add_argument("--scale", type=int, choices=(2, 3, 4), default=2)
    sub.add_argument("--tile", type=_count, default=DEFAULT_TILE, help=f"LR pixels ({DEFAULT_TILE})")
    sub.add_argument("--repeats", type=_count, default=5, help="runs of which the median is taken (5)")
    _json(sub)

    sub = add("info", commands.info, "Print an artifact's card.", "dist/liif-x2-int8-xnnpack")
    sub.add_argument("artifact", type=Path, metavar="ARTIFACT")
    _json(sub)

    sub = add("devices", check_commands.devices, "List where artifacts can run, and what is missing.", "")
    _json(sub)

    sub = add("train", training_commands.train, "Train or fine-tune by a recipe.", "int8-x2 --data photos/")
    sub.add_argument("recipe", metavar="RECIPE", help="a TOML file, or the name of one in models/recipes")
    sub.add_argument("--data", type=Path, required=True, metavar="DIR", help="pictures to train on")
    sub.add_argument("--out", type=Path, metavar="RUN", help="folder of the run; goes on there (runs/RECIPE)")
    sub.add_argument(
        "--start", type=_checkpoint_path, metavar="FILE", help="start from this checkpoint instead"
    )
    sub.add_argument("--teacher", type=_checkpoint_path, metavar="FILE", help="distil from this one instead")
    sub.add_argument("--calibration", type=Path, metavar="DIR", help="as of the int8 build that will follow")
    sub.add_argument("--device", choices=("cpu", "cuda"), help="a GPU where there is one")

    sub = add(
        "prune",
        training_commands.prune,
        "Remove the least important channels.",
        "half.safetensors --macs 0.5 --data photos/",
    )
    sub.add_argument("output", type=Path, metavar="OUT.safetensors")
    _checkpoint(sub)
    budget = sub.add_mutually_exclusive_group(required=True)
    budget.add_argument("--macs", type=_number, metavar="SHARE", help="multiplications to keep at ×2, 0 to 1")
    budget.add_argument("--params", type=_number, metavar="SHARE", help="parameters to keep, 0 to 1")
    sub.add_argument("--part", choices=("encoder", "decoder", "all"), default="all", help="of what (all)")
    sub.add_argument("--data", type=Path, required=True, metavar="DIR", help="pictures that importance is of")
    sub.add_argument("--batches", type=_count, default=64, help="of 4 patches, to measure it on (64)")
    sub.add_argument(
        "--no-local-ensemble",
        action="store_true",
        help="first make the decoder one evaluation per pixel",
    )
    _force(sub)

    sub = add(
        "tune",
        tuning_commands.tune,
        "Search widths and precision: the Pareto front of loss and time.",
        "--target xnnpack --max-loss 0.05",
    )
    _checkpoint(sub)
    sub.add_argument("--target", choices=list(BACKENDS), default=DEFAULT_TARGET)
    sub.add_argument("--scale", type=int, choices=(2, 3, 4), default=2)
    sub.add_argument("--precision", choices=ALL_PRECISIONS)
    sub.add_argument("--max-loss", type=_number, default=0.05, metavar="DB", help="of PSNR-Y (0.05)")
    sub.add_argument("--by", choices=("time", "macs"), default="time", help="what to save (time)")
    sub.add_argument("--trials", type=_count, default=20, help="of the whole study (20)")
    sub.add_argument("--data", type=Path, metavar="DIR", help="pictures instead of the built-in ones")
    sub.add_argument("--calibration", type=Path, metavar="DIR", help="pictures to calibrate int8 on")
    sub.add_argument("--batches", type=_count, default=64, help="of 4 patches, to measure importance (64)")
    sub.add_argument("--out", type=Path, metavar="DIR", help="folder of the study; goes on there (runs/tune)")
    _json(sub)

    sub = add("sample", commands.sample, "Draw the sample picture, small.", "sample.png")
    sub.add_argument("output", type=Path, metavar="OUT")
    sub.add_argument("--compare", type=Path, metavar="ARTIFACT", help="bicubic and the artifact side by side")
    _force(sub)
    return root


def _checkpoint(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--checkpoint",
        type=_checkpoint_path,
        default=DEFAULT_WEIGHTS,
        metavar="FILE",
        help=f"upstream's .pth, a .safetensors, or the name of embedded weights: {', '.join(EMBEDDED)}",
    )


def _checkpoint_path(text: str) -> Path:
    return EMBEDDED.get(text, Path(text))


def _force(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--force", action="store_true", help="replace what exists")


def _json(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--json", action="store_true", help="print one JSON object, for machines")


def _scale_or_any(text: str) -> int | str:
    if text not in ("2", "3", "4", "any"):
        raise argparse.ArgumentTypeError(f"expected 2, 3, 4 or any, found {text!r}")
    return text if text == "any" else int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}") from None


def _bytes(text: str) -> int:
    """``800KB`` or ``1.8MB`` (thousands and millions, as the README counts) or a plain number of bytes."""
    units = {"KB": 1e3, "MB": 1e6}
    unit = units.get(text[-2:].upper(), 1.0)
    value = _number(text[:-2] if unit != 1 else text)
    if not 1 <= value * unit < 1e12:
        raise argparse.ArgumentTypeError(f"expected a size like 2MB or 800KB, found {text!r}")
    return int(value * unit)


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    return name, value


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"expected a whole number of pixels or runs, found {text!r}")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    """``WxH`` to (H, W)."""
    width, x, height = text.lower().partition("x")
    if not (x and width.isdecimal() and height.isdecimal() and len(text) < 16):
        raise argparse.ArgumentTypeError(f"expected a size like 1920x1080, found {text!r}")
    return int(height), int(width)
