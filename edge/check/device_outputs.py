"""Outputs that a device wrote by itself: a folder that a tester copied off a phone by hand.

``export_inputs`` writes what the device is to enlarge; whatever app or program does it puts its outputs
beside them, and ``read_outputs`` reads them (docs/format/baseline.md has the names of all files).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.card import Card
from edge.check.baseline import Bundle
from edge.errors import BadInput, OutputExists
from edge.images.image_file import read_image, write_image
from edge.images.pixels import to_uint8
from edge.output_file import whole_folder
from models.arrays import Float

LIST_FILE = "tiles.json"
DEVICE_FILE = "device.json"

# File names end in these, after the tile's number: ``0-sr.npy``. A tile is what an app shows; the others
# are there if the app can tell.
ENDINGS = {"input": "input", "features": "features", "colours": "colours", "tile": "sr"}


@dataclass(frozen=True)
class DeviceOutputs:
    """By probe an output for each of the bundle's tiles, in its order, each without a batch axis.

    ``eight_bit``: whether some of them come from PNG, rounded to 256 steps. ``about``: device.json.
    """

    probes: dict[str, tuple[Float, ...]]
    eight_bit: bool
    about: dict[str, str]


def export_inputs(bundle: Bundle, folder: Path) -> None:
    """Write the input of every tile, as ``.npy`` and as PNG, and a list of them, into a new ``folder``.

    Raises OutputExists if something is there, BadInput if it cannot be written, or if a picture is not
    exactly one of 8 bits, which its PNG would hide.
    """
    check_export(folder)
    tiles = [
        {
            "name": tile.name,
            "npy": f"{number}-lr.npy",
            "png": f"{number}-lr.png",
            "shape": list(tile.lr.shape),
            "write": f"{number}-sr.npy or {number}-sr.png",
            "output_shape": list(tile.sr.shape),
        }
        for number, tile in enumerate(bundle.tiles)
    ]
    stated = {
        "checkpoint_sha256": bundle.provenance.checkpoint_sha256,
        "size_factor": bundle.provenance.size_factor,
        "also_write": {DEVICE_FILE: {"device": "model of the device", "program_sha256": "optional"}},
        "tiles": tiles,
    }
    with whole_folder(folder, force=False) as content:
        for number, tile in enumerate(bundle.tiles):
            if not np.array_equal(to_uint8(tile.lr) / np.float32(255), tile.lr):
                raise BadInput(f"{tile.name}: expected a picture of 8 bits, found values between its steps")
            np.save(content / f"{number}-lr.npy", tile.lr, allow_pickle=False)
            write_image(content / f"{number}-lr.png", tile.lr)
        (content / LIST_FILE).write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def check_export(folder: Path) -> None:
    """Raise now what ``export_inputs`` would raise after the work."""
    if folder.exists():
        raise OutputExists(f"{folder}: expected a new folder, found something there")
    if not folder.parent.is_dir():
        raise BadInput(f"{folder}: expected {folder.parent} to be a folder, found none")


def read_outputs(folder: Path, bundle: Bundle, card: Card) -> DeviceOutputs:
    """What the device wrote for ``bundle``. ``tile`` must be complete; of the other probes those count
    that have a file for every tile.

    Raises BadInput for missing, misshapen or unreadable files, and where device.json says that it ran
    another program than the card's.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: expected a folder of a device's outputs, found none")
    about = _read_about(folder / DEVICE_FILE)
    known = {program.sha256 for program in card.programs.values()}
    ran = about.get("program_sha256")
    if ran is not None and ran not in known:
        raise BadInput(f"{folder}: expected outputs of {card.name}, found those of program {ran[:12]}…")
    probes: dict[str, tuple[Float, ...]] = {}
    eight_bit = False
    for probe, ending in ENDINGS.items():
        outputs = []
        for number, tile in enumerate(bundle.tiles):
            expected = {"input": tile.lr, "features": tile.features, "colours": tile.colours}.get(
                probe, tile.sr
            )
            stem = f"{number}-{ending}"
            if expected is None or not any((folder / f"{stem}{s}").is_file() for s in (".npy", ".png")):
                if probe == "tile":
                    raise BadInput(f"{folder}: expected {stem}.npy or {stem}.png, found neither")
                break
            output, rounded = _read_output(folder / stem, expected.shape)
            outputs.append(output)
            eight_bit |= rounded
        else:
            probes[probe] = tuple(outputs)
    return DeviceOutputs(probes, eight_bit, about)


def _read_about(path: Path) -> dict[str, str]:
    try:
        stated: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: expected JSON that names the device, found {error}") from error
    if not isinstance(stated, dict) or not isinstance(stated.get("device"), str):
        raise BadInput(f'{path}: expected {{"device": "…"}}, found {stated!r:.80}')
    return {str(key): str(value) for key, value in stated.items()}


def _read_output(stem: Path, shape: tuple[int, ...]) -> tuple[Float, bool]:
    """The array of ``stem`` (``.npy`` before PNG), and whether it comes from 8 bits."""
    path = stem.with_name(f"{stem.name}.npy")
    if not path.is_file():
        path = stem.with_name(f"{stem.name}.png")
        output, rounded = read_image(path).rgb, True
    else:
        rounded = False
        try:
            output = np.load(path, allow_pickle=False)
        except (OSError, EOFError, TypeError, ValueError, SyntaxError) as error:
            raise BadInput(f"{path}: expected a NumPy array, found {error}") from error
    if isinstance(output, np.ndarray) and output.shape == (1, *shape):
        output = output[0]
    if not isinstance(output, np.ndarray) or output.shape != shape or output.dtype != np.float32:
        found = f"{output.dtype} {output.shape}" if isinstance(output, np.ndarray) else type(output).__name__
        raise BadInput(f"{path}: expected float32 {shape}, found {found}")
    return output, rounded
