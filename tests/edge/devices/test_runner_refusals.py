"""The C++ runner refuses what it cannot use, in one line."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from native_runner import SRGB, Float, Run, edited_card, native, noise, refused, same_bytes
from PIL import Image
from routers import RoutedPair


@native
def test_two_networks_that_are_no_pair_are_refused(run: Run, routed_pair: RoutedPair, tmp_path: Path) -> None:
    Image.fromarray(noise(9, 8, 3)).save(tmp_path / "in.png")
    smaller, bigger = routed_pair.smaller, routed_pair.bigger
    broken = edited_card(smaller, tmp_path / "broken", lambda card: card["routing"].update(thresholds=[0.0]))
    for artifact, options, message in (
        (bigger, ["--effort", "20", "--bigger", bigger], "expected an artifact with a router"),
        (smaller, ["--effort", "20", "--bigger", smaller], "expected an artifact at x2 of the checkpoint"),
        (smaller, ["--effort", "20"], "expected --effort and --bigger together"),
        (smaller, ["--effort", "101", "--bigger", bigger], "expected a whole number from 0 to 100"),
        (smaller, ["--effort", "9", "--bigger", bigger, "--halo", "4"], "halo of at least the router's 8"),
        (broken, ["--effort", "9", "--bigger", bigger], "101 thresholds"),
    ):
        assert refused(run("upscale", artifact, "in.png", "out.png", *options), message)
        assert not (tmp_path / "out.png").exists()


CARDS: dict[str, tuple[Callable[[dict], object], str]] = {
    "any scale": (lambda card: card.update(scale="any"), "expected an artifact of a fixed scale"),
    "another schema": (lambda card: card.update(schema_version=2), "expected schema version 1, found 2"),
    "a missing field": (lambda card: card.pop("tile"), "key 'tile' not found"),
    "another type": (lambda card: card["tile"].update(halo="6"), 'found "6"'),
    "a name that is a number": (lambda card: card.update(name=1), "expected the fields of a card"),
    "Core ML": (lambda card: card.update(target="coreml"), "expected an artifact for xnnpack"),
    "another size": (lambda card: card["programs"]["model.pte"].update(bytes=5), "(5 bytes), found"),
    "another hash": (lambda card: card["programs"]["model.pte"].update(sha256="0" * 64), "(sha256 000"),
    "a negative halo": (lambda card: card["tile"].update(halo=-1), "expected a whole number"),
    "half a scale": (lambda card: card.update(scale=2.5), "found 2.5"),
    "no tile": (lambda card: card["tile"].update(default=0), "that fit together"),
}


@native
@pytest.mark.parametrize("what", CARDS)
def test_a_bad_card_is_refused(what: str, run: Run, int8_artifact: Path, tmp_path: Path) -> None:
    edit, message = CARDS[what]
    artifact = edited_card(int8_artifact, tmp_path / "artifact", edit)
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "in.png")
    assert refused(run("upscale", artifact, "in.png", "out.png"), message)
    assert not (tmp_path / "out.png").exists()


@native
def test_a_card_that_is_no_json_or_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    assert refused(run("upscale", "none", "in.png", "out.png"), "artifact folder, found nothing there")
    (tmp_path / "artifact").mkdir()
    assert refused(run("upscale", "artifact", "in.png", "out.png"), "artifact's card, found no file there")
    (tmp_path / "artifact" / "card.json").write_text('{"schema_version": 1')
    assert refused(run("upscale", "artifact", "in.png", "out.png"), "expected JSON")
    (tmp_path / "artifact" / "card.json").write_text("[]")
    assert refused(run("upscale", "artifact", "in.png", "out.png"), "expected schema version 1, found null")


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(9, 8, 3)).save(path, exif=exif)


def animated(path: Path) -> None:
    Image.fromarray(noise(9, 8, 3)).save(path, save_all=True, append_images=[Image.new("RGB", (8, 9))])


def damaged(path: Path, edit: Callable[[bytes], bytes]) -> None:
    Image.fromarray(noise(30, 30, 3)).save(path)
    path.write_bytes(edit(path.read_bytes()))


LINEAR = struct.pack(">4sI", b"gAMA", 100_000)

GAMMA_1 = struct.pack(">I", 4) + LINEAR + struct.pack(">I", zlib.crc32(LINEAR))

BAD_PICTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda path: None, "found no file there"),
    "a folder": (lambda path: path.mkdir(), "found a folder"),
    "empty": (lambda path: path.write_bytes(b""), "found an empty file"),
    "text": (lambda path: path.write_text("no picture at all"), "found another kind of file"),
    "a JPEG": (lambda path: Image.fromarray(noise(8, 8, 3)).save(path, "JPEG"), "another kind of file"),
    "cut off": (lambda path: damaged(path, lambda data: data[:1000]), "damaged one (cut off)"),
    "without an end": (lambda path: damaged(path, lambda data: data[:-12]), "damaged one (cut off)"),
    "a flipped bit": (
        lambda path: damaged(path, lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:]),
        "damaged one (a wrong checksum)",
    ),
    "turned by EXIF": (rotated, "expected an upright picture"),
    "animated": (animated, "expected a single picture, found 2 frames"),
    "of linear light": (
        lambda path: damaged(path, lambda data: data[:33] + GAMMA_1 + data[33:]),
        "expected the gamma of sRGB",
    ),
    "grey with a profile": (
        lambda path: Image.fromarray(noise(9, 8)).save(path, icc_profile=grey_profile()),
        "expected grey without a colour profile",
    ),
}


def grey_profile() -> bytes:
    return SRGB[:16] + b"GRAY" + SRGB[20:]


@native
@pytest.mark.parametrize("what", BAD_PICTURES)
def test_a_bad_picture_is_refused(what: str, run: Run, int8_artifact: Path, tmp_path: Path) -> None:
    write, message = BAD_PICTURES[what]
    write(tmp_path / "in.png")
    assert refused(run("upscale", int8_artifact, "in.png", "out.png"), message)
    assert not (tmp_path / "out.png").exists()


@native
def test_an_output_is_replaced_by_force_only(run: Run, int8_artifact: Path, tmp_path: Path) -> None:
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "in.png")
    (tmp_path / "out.png").write_text("kept")
    assert refused(run("upscale", int8_artifact, "in.png", "out.png"), "--force replaces it")
    assert (tmp_path / "out.png").read_text() == "kept"
    assert run("upscale", int8_artifact, "in.png", "out.png", "--force").returncode == 0
    assert same_bytes(int8_artifact, tmp_path)
    assert refused(run("upscale", int8_artifact, "in.png", "out.jpg"), "a name ending in .png")
    assert refused(run("upscale", int8_artifact, "in.png", "none/out.png"), "found nothing there")


def npy(path: Path, array: Float) -> None:
    np.save(path, array)


def bytes_of(path: Path, edit: Callable[[bytes], bytes]) -> None:
    np.save(path, np.zeros((1, 3, 8, 8), np.float32))
    path.write_bytes(edit(path.read_bytes()))


BAD_TILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda path: None, "found no file there"),
    "float64": (lambda path: npy(path, np.zeros((1, 3, 8, 8))), "expected float32 ('<f4'), found '<f8'"),
    "bytes": (lambda path: npy(path, noise(1, 3, 8, 8)), "expected float32 ('<f4'), found '|u1'"),
    "big-endian": (lambda path: npy(path, np.zeros((1, 3, 8, 8), ">f4")), "found '>f4'"),
    "Fortran order": (
        lambda path: npy(path, np.asfortranarray(np.zeros((1, 3, 8, 8), np.float32))),
        "expected C order",
    ),
    "three dimensions": (lambda path: npy(path, np.zeros((3, 8, 8), np.float32)), "found (3, 8, 8)"),
    "too large": (lambda path: npy(path, np.zeros((1, 3, 65, 8), np.float32)), "(1, 3, 64, 64) at most"),
    "four channels": (lambda path: npy(path, np.zeros((1, 4, 8, 8), np.float32)), "found (1, 4, 8, 8)"),
    "no rows": (lambda path: npy(path, np.zeros((1, 3, 0, 8), np.float32)), "expected sizes from 1 on"),
    "cut off": (lambda path: bytes_of(path, lambda data: data[:-1]), "768 bytes of data for (1, 3, 8, 8)"),
    "too long": (lambda path: bytes_of(path, lambda data: data + b"\0"), "found 769"),
    "a cut header": (lambda path: bytes_of(path, lambda data: data[:50]), "found it cut off"),
    "text": (lambda path: path.write_text("no array"), "found another kind of file"),
    "version 2": (lambda path: bytes_of(path, lambda data: data[:6] + b"\2" + data[7:]), "found 2.0"),
    "another header": (lambda path: bytes_of(path, lambda data: data.replace(b"descr", b"dtype")), "header"),
    "a huge shape": (
        lambda path: bytes_of(path, lambda data: data.replace(b"(1, 3, 8, 8)", b"(9999999999)")),
        "that fit in memory",
    ),
}


@native
@pytest.mark.parametrize("what", BAD_TILES)
def test_a_bad_tile_is_refused(what: str, run: Run, int8_artifact: Path, tmp_path: Path) -> None:
    write, message = BAD_TILES[what]
    write(tmp_path / "a.npy")
    made = run("run", int8_artifact / "model.pte", "--input", "a.npy", "--output-dir", "out")
    assert refused(made, message)
    assert not list(tmp_path.glob("out/*"))


@native
def test_nan_is_a_number_like_others_in_a_tile_and_no_pixel(
    run: Run, fp32_artifact: Path, tmp_path: Path
) -> None:
    tile = np.full((1, 3, 8, 8), np.nan, np.float32)
    np.save(tmp_path / "a.npy", tile)
    made = run("run", fp32_artifact / "model.pte", "--input", "a.npy", "--output-dir", "out")
    assert made.returncode == 0
    assert np.isnan(np.load(tmp_path / "out" / "0000.npy")).any()


@native
@pytest.mark.parametrize("kept", [0, 8, 40, 4000, -1], ids=str)
def test_a_program_that_is_cut_off_is_refused(
    kept: int, run: Run, int8_artifact: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 3, 8, 8), np.float32))
    (tmp_path / "cut.pte").write_bytes((int8_artifact / "model.pte").read_bytes()[:kept])
    made = run("run", "cut.pte", "--input", "a.npy", "--output-dir", "out")
    assert refused(
        made, "expected a whole ExecuTorch" if kept not in (0, 8) else "found another kind of file"
    )


@native
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a command, run or upscale, found none"),
        (["paint"], "found paint"),
        (["run"], "expected PROGRAM.pte, found 0 arguments"),
        (["run", "a.pte", "--output-dir", "out"], "expected --input, found none"),
        (["run", "a.pte", "--input", "a.npy"], "expected --output-dir, found none"),
        (["run", "a.pte", "--inputs", "a.npy"], "expected a known option, found --inputs"),
        (["run", "a.pte", "--input"], "--input: expected a value after it"),
        (["upscale", "a", "in.png", "out.png", "--tile", "0"], "--tile: expected a whole number"),
        (["upscale", "a", "in.png", "out.png", "--threads", "9999"], "--threads: expected a whole number"),
        (["upscale", "a", "in.png", "out.png", "--halo", "3px"], "found '3px'"),
        (["upscale", "a", "in.png", "out.png", "--tile", "12", "--halo", "6"], "larger than two halos of 6"),
        (["upscale", "a", "in.png", "out.png", "--tile", "70"], "tiles up to 64 pixels, found 70"),
        (["run", "a/model.pte", "--input", "a.npy,a.npy", "--output-dir", "out"], "expected 1 inputs"),
        (["run", "a/model.pte", "--input", "a.npy", "--output-dir", "out", "--method", "f"], "found forward"),
        (["run", "in.png", "--input", "a.npy", "--output-dir", "out"], "found another kind of file"),
        (["run", "a/model.pte", "--input", "a.npy", "--output-dir", "a.npy"], "expected a folder"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_refused(
    words: list[str], message: str, run: Run, int8_artifact: Path, tmp_path: Path
) -> None:
    (tmp_path / "a").symlink_to(int8_artifact)
    np.save(tmp_path / "a.npy", np.zeros((1, 3, 8, 8), np.float32))
    Image.fromarray(noise(80, 80, 3)).save(tmp_path / "in.png")
    assert refused(run(*words), message)
