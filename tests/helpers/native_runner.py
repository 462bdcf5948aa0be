"""The C++ runner on this machine: what it is given, what it says, and whether its pictures are Python's."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from enlarging import upscaled
from PIL import Image, ImageCms

from edge.devices.native import NativeDevice
from edge.images.image_file import read_image, write_picture
from edge.run.artifact import Artifact

ABSENT = NativeDevice().missing()
native = pytest.mark.skipif(ABSENT is not None, reason=f"native: {ABSENT}")

Float = np.ndarray
Run = Callable[..., "subprocess.CompletedProcess[str]"]

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tiles_of(*sizes: tuple[int, int]) -> list[dict[str, Float]]:
    rng = np.random.default_rng(0)
    return [{"lr": rng.random((1, 3, h, w), np.float32)} for h, w in sizes]


def refused(completed: "subprocess.CompletedProcess[str]", message: str) -> bool:
    """Whether it ended with exit code 2 and one line that says ``message``."""
    lines = completed.stderr.splitlines()
    assert completed.returncode == 2, completed
    assert len(lines) == 1 and lines[0].startswith("liif-runner: "), completed.stderr
    assert message in lines[0]
    return True


def same_bytes(artifact: Path, folder: Path, tile: int | None = None, halo: int | None = None) -> bool:
    """Whether out.png is what Python makes of in.png, transparency and colour profile included."""
    picture = upscaled(Artifact.open(artifact), read_image(folder / "in.png"), tile=tile, halo=halo)
    write_picture(folder / "python.png", picture)
    with Image.open(folder / "out.png") as ours, Image.open(folder / "python.png") as pythons:
        assert ours.mode == pythons.mode and ours.size == pythons.size
        assert ours.info.get("icc_profile") == pythons.info.get("icc_profile")
    # By libvips, which keeps 16 bits.
    ours, pythons = (pyvips.Image.new_from_file(str(folder / f"{name}.png")) for name in ("out", "python"))
    return ours.format == pythons.format and np.array_equal(ours.numpy(), pythons.numpy())


def noise(*shape: int, high: int = 256) -> Float:
    return np.random.default_rng(3).integers(0, high, shape, np.uint8)


def edited_card(artifact: Path, folder: Path, edit: Callable[[dict], object]) -> Path:
    shutil.copytree(artifact, folder)
    values = json.loads((folder / "card.json").read_text())
    edit(values)
    (folder / "card.json").write_text(json.dumps(values))
    return folder
