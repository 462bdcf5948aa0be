"""The C++ runner makes the same pictures as Python."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from native_runner import SRGB, Run, edited_card, native, noise, same_bytes
from PIL import Image
from routers import RoutedPair

from edge.upscaler import Upscaler


@native
@pytest.mark.parametrize(
    "side", [(1, 1), (2, 3), (1, 50), (50, 1), (3, 70), (4, 4), (33, 31), (75, 97)], ids=str
)
@pytest.mark.parametrize("kind", ["fp32", "int8"])
def test_a_picture_is_upscaled_to_pythons_bytes(
    side: tuple[int, int], kind: str, run: Run, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    artifact = request.getfixturevalue(f"{kind}_artifact")
    pixels = np.random.default_rng(1).integers(0, 256, (*side, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    made = run("upscale", artifact, "in.png", "out.png")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["size"] == [2 * side[1], 2 * side[0]]
    assert same_bytes(artifact, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "out.png", "python.png"]


@native
@pytest.mark.parametrize(("tile", "halo"), [(64, 0), (13, 6), (20, 3)])
def test_tile_and_halo_can_be_given(
    tile: int, halo: int, run: Run, int8_artifact: Path, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (41, 67, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    options = ("--tile", str(tile), "--halo", str(halo), "--threads", "1")
    assert run("upscale", int8_artifact, "in.png", "out.png", *options).returncode == 0
    assert same_bytes(int8_artifact, tmp_path, tile, halo)


@native
@pytest.mark.parametrize("effort", [0, 30, 100])
@pytest.mark.parametrize("side", [(110, 130), (60, 90), (3, 70), (5, 4)], ids=str)
def test_two_networks_make_pythons_bytes(
    side: tuple[int, int], effort: int, run: Run, routed_pair: RoutedPair, tmp_path: Path
) -> None:
    pixels = noise(*side, 4)
    pixels[: side[0] // 2] //= 8
    Image.fromarray(pixels).save(tmp_path / "in.png")
    options = ("--effort", str(effort), "--bigger", routed_pair.bigger)
    made = run("upscale", routed_pair.smaller, "in.png", "out.png", *options)
    assert made.returncode == 0, made.stderr
    upscaler = Upscaler(artifact=routed_pair.smaller, bigger=routed_pair.bigger, effort=effort)
    enlarged = upscaler.upscale_file(tmp_path / "in.png", tmp_path / "python.png")
    assert json.loads(made.stdout)["share"] == enlarged.share
    with Image.open(tmp_path / "out.png") as ours, Image.open(tmp_path / "python.png") as pythons:
        assert np.array_equal(np.asarray(ours), np.asarray(pythons))


def flat_areas() -> np.ndarray:
    """A disc of one colour, cut by the border, on another and on clear pixels."""
    rows, columns = np.mgrid[:60, :50]
    disc = (rows - 20) ** 2 + columns**2 < 26**2
    pixels = np.where(disc[:, :, None], np.uint8([200, 100, 50, 255]), np.uint8([0, 0, 255, 255]))
    pixels[45:, 20:] = 0
    return pixels


def deep(path: Path, channels: int, space: str) -> None:
    samples = np.random.default_rng(3).integers(0, 65_536, (9, 8, channels), np.uint16)
    pyvips.Image.new_from_array(samples).copy(interpretation=space).pngsave(str(path), bitdepth=16)


PICTURES: dict[str, Callable[[Path], None]] = {
    "grey": lambda path: Image.fromarray(noise(9, 8)).save(path),
    "one bit": lambda path: Image.fromarray(noise(9, 8, high=2) == 1).save(path),
    "16-bit grey": lambda path: Image.fromarray(noise(9, 8).astype(np.uint16) * 251).save(path),
    "grey and alpha": lambda path: Image.fromarray(noise(9, 8, 2), "LA").save(path),
    "transparent": lambda path: Image.fromarray(noise(19, 23, 4)).save(path),
    "opaque RGBA": lambda path: Image.fromarray(noise(9, 8, 4) | np.uint8([0, 0, 0, 255])).save(path),
    "palette": lambda path: Image.fromarray(noise(9, 8, 3)).quantize(7).save(path),
    "transparent palette": lambda path: (
        Image.fromarray(noise(9, 8, 3)).quantize(7).save(path, transparency=3)
    ),
    "one clear colour": lambda path: Image.fromarray(noise(9, 8, 3, high=2)).save(
        path, transparency=(1, 0, 1)
    ),
    "16-bit colours": lambda path: deep(path, 3, "rgb16"),
    "16-bit colours and alpha": lambda path: deep(path, 4, "rgb16"),
    "16-bit grey and alpha": lambda path: deep(path, 2, "grey16"),
    "flat areas": lambda path: Image.fromarray(flat_areas()).save(path),
    "a colour profile": lambda path: Image.fromarray(noise(9, 8, 3)).save(path, icc_profile=SRGB),
}


@native
@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_of_png_is_read_as_in_python(
    kind: str, run: Run, int8_artifact: Path, tmp_path: Path
) -> None:
    PICTURES[kind](tmp_path / "in.png")
    made = run("upscale", int8_artifact, "in.png", "out.png")
    assert made.returncode == 0, made.stderr
    assert same_bytes(int8_artifact, tmp_path)


@native
@pytest.mark.parametrize(("side", "halo"), [((7, 40), 12), ((8, 3), 12), ((2, 40), 0)], ids=str)
def test_tiny_pictures_are_extended_to_pythons_bytes_whatever_the_cards_halo(
    side: tuple[int, int], halo: int, run: Run, int8_artifact: Path, tmp_path: Path
) -> None:
    artifact = edited_card(int8_artifact, tmp_path / "artifact", lambda card: card["tile"].update(halo=halo))
    Image.fromarray(noise(*side, 3)).save(tmp_path / "in.png")
    assert run("upscale", artifact, "in.png", "out.png").returncode == 0
    assert same_bytes(artifact, tmp_path)
