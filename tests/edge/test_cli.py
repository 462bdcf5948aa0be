"""The command line: results on standard output, one line for what is wrong, and an exit code."""

import json
import os
import pickle
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from platformdirs import user_cache_path

from edge import details
from edge.artifact import Artifact
from edge.baseline import read_bundle
from edge.card import CARD_FILE, hash_program, read_card
from edge.cli import main
from edge.image_file import read_image, to_float, to_uint8
from edge.ocr import missing_ocr
from edge.upscale import upscale
from models import LIIF, LIIFConfig, checkpoint_hash, save_checkpoint
from models.drawings import draw_sheet

ROOT = Path(__file__).parents[2]
CLI = (sys.executable, "-m", "edge.cli")
# Python leaves Ctrl-C alone where it was started with Ctrl-C ignored, as shells do with background jobs.
INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from edge.cli import main; sys.exit(main(sys.argv[1:]))"
)


def joined(value: object) -> str:
    """A test's name from its parameters: options and specs, not what is expected."""
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else ""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """Standard output, which must be one JSON object and nothing else."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd, monkeypatch) -> Run:
    def run(*arguments: object) -> Outcome:
        # As in a process of its own, Python's streams write to the descriptors.
        for number, name in ((1, "stdout"), (2, "stderr")):
            monkeypatch.setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:  # argparse's own
            code = error.code
        sys.stdout.flush()
        sys.stderr.flush()
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="module")
def cached(tiny) -> Iterator[Path]:
    """The tiny checkpoint, with its artifacts where first use would have built them."""
    folder = user_cache_path("liif-edge") / checkpoint_hash(tiny.model)[:16]
    for spec in ((2, "int8"), (2, "fp32"), ("any", "int8"), ("any", "fp32")):
        artifact = tiny.artifact(*spec)
        shutil.copytree(artifact, folder / artifact.name)
    yield tiny.checkpoint
    shutil.rmtree(folder)


@pytest.fixture
def picture(tmp_path) -> Path:
    """A drawn picture, wider than one tile, in a folder of its own."""
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(draw_sheet(40, 50, 2)).save(folder / "picture.png")
    return folder / "picture.png"


def changed(folder: Path, tmp_path: Path, **fields: object) -> Path:
    """A copy of an artifact with other fields in its card."""
    copy = Path(shutil.copytree(folder, tmp_path / "changed"))
    values = json.loads((copy / CARD_FILE).read_text())
    (copy / CARD_FILE).write_text(json.dumps({**values, **fields}))
    return copy


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every path below ``folder``, hidden ones too, with the files' contents."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def assert_refused(outcome: Outcome, *words: str, code: int = 2) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("liif-edge: ")
    assert outcome.err.count("\n") == 1 and outcome.err.endswith("\n")
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


# upscale


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_upscale_doubles_a_picture_with_the_cached_artifact(run, cached, tiny, picture, tmp_path, precision):
    options = [] if precision == "int8" else ["--precision", "fp32"]
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *options)
    name = f"liif-x2-{precision}-xnnpack"
    expected_line = f"{tmp_path / 'out.png'}: 100x80 from 50x40, by {name}\n"
    assert outcome == Outcome(0, expected_line, "")
    sr = upscale(Artifact.open(tiny.artifact(2, precision)), read_image(picture).rgb)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), to_uint8(sr).transpose(1, 2, 0))
    assert sorted(os.listdir(tmp_path)) == ["in", "out.png"]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--scale", "1.37"], (68, 55)),
        (["--scale", "1"], (50, 40)),
        (["--size", "77x101"], (77, 101)),
        (["--size", "100x80"], (100, 80)),
        (["--scale", "2", "--tile", "20", "--halo", "6"], (100, 80)),
        (["--scale", "1.37", "--precision", "fp32"], (68, 55)),
    ],
    ids=joined,
)
def test_upscale_makes_the_size_asked_for(run, cached, picture, tmp_path, options, size):
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *options)
    assert outcome.code == 0, outcome
    by = "x2" if size == (100, 80) else "any"
    assert f"{size[0]}x{size[1]} from 50x40, by liif-{by}-" in outcome.out
    assert Image.open(tmp_path / "out.png").size == size


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.WebP", "WEBP"), ("a.jpeg", "JPEG")])
def test_upscale_writes_what_the_extension_says(run, cached, picture, tmp_path, name, kind):
    assert run("upscale", picture, tmp_path / name, "--checkpoint", cached).code == 0
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size) == (kind, (100, 80))


def test_upscale_takes_an_artifact_by_its_folder(run, tiny, picture, tmp_path):
    for spec in ((2, "fp32"), (2, "fp16", "coreml"), ("any", "fp32")):
        name = f"{spec[0]}-{spec[1]}.png"
        outcome = run("upscale", picture, tmp_path / name, "--artifact", tiny.artifact(*spec))
        assert outcome.code == 0, outcome
    pictures = [np.asarray(Image.open(path)).astype(int) for path in sorted(tmp_path.glob("*.png"))]
    assert len(pictures) == 3
    assert max(abs(a - pictures[0]).max() for a in pictures) <= 1


def test_upscale_replaces_its_own_input_if_forced(run, cached, picture):
    assert run("upscale", picture, picture, "--checkpoint", cached, "--force").code == 0
    assert Image.open(picture).size == (100, 80)
    assert os.listdir(picture.parent) == ["picture.png"]


def test_transparency_is_kept_in_png_and_refused_for_jpeg(run, cached, tmp_path):
    image = Image.fromarray(draw_sheet(20, 24, 1)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((24, 20)))
    image.save(tmp_path / "a.png")
    assert run("upscale", tmp_path / "a.png", tmp_path / "b.png", "--checkpoint", cached).code == 0
    with Image.open(tmp_path / "b.png") as enlarged:
        assert (enlarged.mode, enlarged.size) == ("RGBA", (48, 40))
    before = listing(tmp_path)
    refused = run("upscale", tmp_path / "a.png", tmp_path / "b.jpg", "--checkpoint", cached)
    assert_refused(refused, "expected an opaque picture for JPEG")
    assert listing(tmp_path) == before


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.arange(0, 65_536, 256, dtype=np.uint16).reshape(16, 16))


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("cmyk.jpg", Image.new("CMYK", (16, 16), (200, 30, 0, 10))),
        ("cmyk.tiff", Image.new("CMYK", (16, 16), (200, 30, 0, 10))),
        ("palette.png", Image.fromarray(draw_sheet(16, 16, 0)).quantize(9)),
        ("one-bit.png", Image.fromarray(draw_sheet(16, 16, 0)).convert("1")),
        ("grey.png", Image.fromarray(draw_sheet(16, 16, 0)).convert("L")),
        ("sixteen-bit.png", sixteen_bit()),
        ("one-pixel.png", Image.new("RGB", (1, 1), (9, 200, 40))),
        ("one-row.png", Image.fromarray(draw_sheet(1, 90, 0))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusual_pictures_are_upscaled(run, cached, tmp_path, name, image):
    image.save(tmp_path / name)
    outcome = run("upscale", tmp_path / name, tmp_path / "out.png", "--checkpoint", cached)
    assert (outcome.code, outcome.err) == (0, "")
    with Image.open(tmp_path / "out.png") as enlarged:
        assert enlarged.mode == "RGB"
        assert enlarged.size == (2 * image.width, 2 * image.height)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def animated(path: Path) -> None:
    frames = [Image.fromarray(draw_sheet(8, 8, seed)) for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def truncated(path: Path) -> None:
    Image.fromarray(draw_sheet(30, 30, 0)).save(path)
    path.write_bytes(path.read_bytes()[:-200])


BAD_PICTURES = {
    "truncated.png": (truncated, "expected a whole picture"),
    "truncated.jpg": (truncated, "expected a whole picture"),
    "no-pixels.png": (lambda path: path.write_bytes(png_claiming(0, 9)), "expected a"),
    "animated.gif": (animated, "expected a single picture, found 3 frames"),
    "animated.webp": (animated, "expected a single picture, found 3 frames"),
    "bomb.png": (lambda path: path.write_bytes(png_claiming(60_000, 60_000)), "expected at most"),
    "empty.png": (lambda path: path.write_bytes(b""), "found an empty file"),
    "text.png": (lambda path: path.write_text("no picture"), "expected a picture (PNG"),
    "folder.png": (lambda path: path.mkdir(), "found a folder"),
    "gone.png": (lambda path: None, "found no file there"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_what_is_no_single_whole_picture_is_refused(run, cached, tmp_path, name):
    make, words = BAD_PICTURES[name]
    make(tmp_path / name)
    before = listing(tmp_path)
    outcome = run("upscale", tmp_path / name, tmp_path / "out.png", "--checkpoint", cached)
    assert_refused(outcome, name, words)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--scale", "0"), "expected a scale from 1 to 30, found 0"),
        (("--scale", "-1"), "expected a scale from 1 to 30, found -1"),
        (("--scale", "nan"), "expected a scale from 1 to 30, found nan"),
        (("--scale", "inf"), "expected a scale from 1 to 30, found inf"),
        (("--scale", "100"), "expected a scale from 1 to 30, found 100"),
        (("--scale", "0.5"), "expected a scale from 1 to 30, found 0.5"),
        (("--size", "0x0"), "the picture's 50x40, found 0x0"),
        (("--size", "49x40"), "the picture's 50x40, found 49x40"),
        (("--size", "99999x40"), "the picture's 50x40, found 99999x40"),
        (("--tile", "0"), "expected sizes of at least 1"),
        (("--tile", "8"), "expected a tile larger than two halos of 4, found 8"),
        (("--tile", "999", "--halo", "999"), None),
    ],
    ids=joined,
)
def test_sizes_that_cannot_be_are_refused(run, cached, picture, tmp_path, option, words):
    before = listing(tmp_path)
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *option)
    if words is None:  # larger than the picture: one tile does
        assert outcome.code == 0
        return
    assert_refused(outcome, words)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    "option",
    [
        ("--scale", "two"),
        ("--size", "100"),
        ("--size", "-5x9"),
        ("--size", "²x9"),
        ("--tile", "-1"),
        ("--tile", "1.5"),
        ("--scale", "2", "--size", "100x80"),
        ("--precision", "int4"),
        ("--colour", "red"),
    ],
    ids=joined,
)
def test_options_that_are_no_such_thing_are_argparses_errors(run, cached, picture, tmp_path, option):
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *option)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "error: " in outcome.err.splitlines()[-1]
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out.png").exists()


def test_an_output_that_exists_is_kept_unless_forced(run, cached, picture, tmp_path):
    (tmp_path / "out.png").write_bytes(b"mine")
    arguments = ("upscale", picture, tmp_path / "out.png", "--checkpoint", cached)
    assert_refused(run(*arguments), "expected a free path, found a file; --force replaces it")
    assert (tmp_path / "out.png").read_bytes() == b"mine"
    assert run(*arguments, "--force").code == 0
    assert Image.open(tmp_path / "out.png").size == (100, 80)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder.png", "expected a file to write, found a folder"),
        ("out.bmp", "expected a name ending in .png, .jpg, .jpeg, .webp, found .bmp"),
        ("out", "found no extension"),
        ("gone/out.png", "found nothing there"),
    ],
)
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_outputs_that_cannot_be_are_refused_before_the_picture_is_read(run, tmp_path, name, words, force):
    (tmp_path / "folder.png").mkdir()
    before = listing(tmp_path)
    assert_refused(run("upscale", tmp_path / "gone.png", tmp_path / name, *force), words)
    assert listing(tmp_path) == before


def test_a_full_disk_leaves_nothing_half_written(run, cached, picture, tmp_path):
    before, limit = listing(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limit[1]))
    try:
        outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert_refused(outcome, "expected to write the picture")
    assert listing(tmp_path) == before


def test_first_use_builds_the_artifact_and_says_so_and_the_second_does_not(run, picture, tmp_path):
    torch.manual_seed(3)
    config = LIIFConfig(n_feats=4, block_widths=(), hidden_widths=(8,), local_ensemble=False)
    model = LIIF(config)
    save_checkpoint(model, tmp_path / "own.safetensors")
    options = ("--checkpoint", tmp_path / "own.safetensors", "--precision", "fp32")
    first = run("upscale", picture, tmp_path / "first.png", *options)
    folder = user_cache_path("liif-edge") / checkpoint_hash(model)[:16]
    assert first.code == 0, first
    assert first.err == f"first use: building liif-x2-fp32-xnnpack into {folder}; this takes a minute\n"
    assert os.listdir(folder) == ["liif-x2-fp32-xnnpack"]
    start = time.monotonic()
    second = run("upscale", picture, tmp_path / "second.png", *options)
    assert (second.code, second.err) == (0, "")
    assert time.monotonic() - start < 5
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


# Checkpoints


class RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def not_a_checkpoint(path: Path) -> None:
    path.write_text("no checkpoint")


def cut_off(path: Path) -> None:
    torch.manual_seed(0)
    save_checkpoint(LIIF(LIIFConfig(n_feats=4, block_widths=(4,), hidden_widths=(8,))), path)
    path.write_bytes(path.read_bytes()[:-100])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"model": RunsCode()}, protocol=2))


BAD_CHECKPOINTS = {
    "text.pth": (not_a_checkpoint, "expected a"),
    "text.safetensors": (not_a_checkpoint, "expected a safetensors file"),
    "cut-off.pth": (cut_off, "expected a .pth checkpoint, found a damaged file"),
    "cut-off.safetensors": (cut_off, "expected a safetensors file"),
    "pickle.pth": (pickled, "would run code when loaded; it was not loaded"),
    "gone.pth": (lambda path: None, "expected a checkpoint file, found nothing there"),
    "folder.pth": (lambda path: path.mkdir(), "expected a checkpoint file, found a folder"),
}


@pytest.mark.parametrize("name", BAD_CHECKPOINTS)
@pytest.mark.parametrize("command", ["upscale", "baseline", "build"])
def test_what_is_no_checkpoint_is_refused(run, picture, tmp_path, monkeypatch, name, command):
    monkeypatch.chdir(tmp_path)
    make, words = BAD_CHECKPOINTS[name]
    make(tmp_path / name)
    before = listing(tmp_path)
    arguments = {
        "upscale": (picture, tmp_path / "out.png"),
        "baseline": (tmp_path / "out.npz",),
        "build": ("--out", tmp_path / "dist"),
    }
    outcome = run(command, *arguments[command], "--checkpoint", tmp_path / name)
    assert_refused(outcome, name, words)
    assert listing(tmp_path) == before


# Artifacts


def of_another_version(folder: Path, tmp_path: Path) -> Path:
    return changed(folder, tmp_path, schema_version=2)


def with_a_flipped_bit(folder: Path, tmp_path: Path) -> Path:
    copy = changed(folder, tmp_path)
    content = bytearray((copy / "model.pte").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.pte").write_bytes(content)
    return copy


def without_a_card(folder: Path, tmp_path: Path) -> Path:
    copy = changed(folder, tmp_path)
    (copy / CARD_FILE).unlink()
    return copy


BAD_ARTIFACTS = {
    "missing card": (without_a_card, "expected card.json in the folder, found none"),
    "unknown version": (of_another_version, "expected schema version 1, found 2"),
    "hash": (with_a_flipped_bit, "expected the program that the card describes"),
    "nothing": (lambda folder, tmp_path: tmp_path / "gone", "expected an artifact folder, found nothing"),
}


@pytest.mark.parametrize("kind", BAD_ARTIFACTS)
@pytest.mark.parametrize("command", ["info", "check", "eval", "upscale", "sample"])
def test_what_is_no_whole_artifact_is_refused(run, tiny, picture, tmp_path, kind, command):
    make, words = BAD_ARTIFACTS[kind]
    artifact = make(tiny.artifact(2, "fp32"), tmp_path)
    before = listing(tmp_path)
    arguments = {
        "info": (artifact, "--json"),
        "check": (artifact, "--json"),
        "eval": (artifact, "--data", picture.parent, "--json"),
        "upscale": (picture, tmp_path / "out.png", "--artifact", artifact),
        "sample": (tmp_path / "out.png", "--compare", artifact),
    }
    assert_refused(run(command, *arguments[command]), words)
    assert listing(tmp_path) == before


# info


def test_info_prints_the_card(run, tiny):
    outcome = run("info", tiny.artifact("any", "int8"))
    assert (outcome.code, outcome.err) == (0, "")
    card = read_card(tiny.artifact("any", "int8"))
    for text in (
        "LIIF-EDSR, any scale, int8, for xnnpack",
        card.checkpoint.sha256[:16],
        card.programs["model.pte"].sha256[:16],
        "method encode",
        "method decode",
        "W8A8",
        f"{card.measured.psnr_db:.1f} dB from fp32",
        f"torch {card.versions['torch']}",
    ):
        assert text in outcome.out


@pytest.mark.parametrize("spec", [(2, "fp32"), (2, "fp16", "coreml")], ids=["pte", "coreml"])
def test_info_for_machines_is_the_card_itself(run, tiny, spec):
    outcome = run("info", tiny.artifact(*spec), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json == json.loads((tiny.artifact(*spec) / CARD_FILE).read_text())


# build


def test_build_makes_the_artifact_that_is_asked_for(run, tmp_path):
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=4, block_widths=(), hidden_widths=(8,), local_ensemble=False)
    save_checkpoint(LIIF(config), tmp_path / "own.pth")
    options = ("--scale", "any", "--precision", "fp32", "--tile", "32", "--halo", "3")
    arguments = ("build", "--checkpoint", tmp_path / "own.pth", "--out", tmp_path / "dist", *options)
    outcome = run(*arguments)
    folder = tmp_path / "dist" / "liif-any-fp32-xnnpack"
    assert outcome.code == 0, outcome
    assert outcome.out == f"{folder}\n"
    assert next(line.partition(": ")[2][:8] for line in outcome.err.splitlines()) == "building"
    assert "dB from fp32" in outcome.err.splitlines()[-1]
    assert read_card(folder).tile.default == 32
    before = listing(tmp_path)
    assert_refused_after_notes(run(*arguments), "--force replaces it")
    assert listing(tmp_path) == before


def assert_refused_after_notes(outcome: Outcome, *words: str) -> None:
    """As ``assert_refused``, behind the line that says what was begun."""
    first, _, rest = outcome.err.partition("\n")
    assert first.endswith(": building")
    assert_refused(Outcome(outcome.code, outcome.out, rest), *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "coreml"), "expected --scale or --precision with --target"),
        (("--precision", "fp16"), "expected a precision of fp32, int8-dynamic, int8 for xnnpack, found fp16"),
        (("--tile", "16"), "expected a tile larger than two halos of 8 and up to 128, found 16"),
        (("--tile", "300"), "and up to 256, found 300"),
    ],
    ids=joined,
)
def test_build_refuses_what_cannot_be_built(run, tiny, tmp_path, options, words):
    outcome = run("build", "--checkpoint", tiny.checkpoint, "--out", tmp_path / "dist", *options)
    assert_refused(outcome, words)
    assert list(tmp_path.iterdir()) == []


def test_build_refuses_a_calibration_folder_without_pictures(run, tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    options = ("--checkpoint", tiny.checkpoint, "--scale", "2", "--calibration", tmp_path / "empty")
    outcome = run("build", *options, "--out", tmp_path / "dist")
    assert_refused_after_notes(outcome, "expected pictures")
    assert list((tmp_path / "dist").iterdir()) == []


def test_build_refuses_an_output_that_is_a_file(run, tiny, tmp_path):
    (tmp_path / "dist").write_text("mine")
    outcome = run("build", "--checkpoint", tiny.checkpoint, "--scale", "2", "--out", tmp_path / "dist")
    assert_refused_after_notes(outcome, "expected a place to write to")
    assert (tmp_path / "dist").read_text() == "mine"


# baseline and check


@pytest.fixture(scope="module")
def bundle(tiny, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("baseline") / "tiny.npz"
    assert main(["baseline", str(path), "--checkpoint", str(tiny.checkpoint), "--tile", "24"]) == 0
    return path


def test_baseline_writes_a_bundle_and_says_where_it_was_made(run, tiny, tmp_path):
    path = tmp_path / "a.npz"
    arguments = ("baseline", path, "--checkpoint", tiny.checkpoint, "--tile", "16", "--scale", "1.5")
    outcome = run(*arguments)
    device = read_bundle(path).provenance.device
    assert outcome == Outcome(0, f"{path}: 4 tiles at ×1.5, made on {device}\n", "")
    first = path.read_bytes()
    assert_refused(run(*arguments), "--force replaces it")
    assert run(*arguments, "--force").code == 0
    assert path.read_bytes() == first
    assert os.listdir(tmp_path) == ["a.npz"]


def test_baseline_takes_pictures_of_a_folder_without_telling_their_names(run, tiny, picture, tmp_path):
    path = tmp_path / "a.npz"
    options = ("--checkpoint", tiny.checkpoint, "--images", picture.parent, "--tile", "20")
    assert run("baseline", path, *options).code == 0
    assert [tile.name for tile in read_bundle(path).tiles] == ["picture 1 (0, 0)", "picture 1 (10, 15)"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scale", "0"), "expected a scale from 1 to 30"),
        (("--scale", "nan"), "expected a scale from 1 to 30"),
        (("--tile", "10"), "expected tiles of at least 11 pixels"),
        (("--images", "gone"), "expected a folder of pictures"),
    ],
    ids=joined,
)
def test_baseline_refuses_what_cannot_be_made(run, tiny, tmp_path, options, words):
    assert_refused(run("baseline", tmp_path / "a.npz", "--checkpoint", tiny.checkpoint, *options), words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.zip", "folder.npz", "gone/a.npz"])
def test_baseline_refuses_outputs_that_cannot_be(run, tiny, tmp_path, name):
    (tmp_path / "folder.npz").mkdir()
    assert_refused(run("baseline", tmp_path / name, "--checkpoint", tiny.checkpoint), "expected")
    assert os.listdir(tmp_path) == ["folder.npz"]


@pytest.mark.parametrize("spec", [(2, "fp32"), (2, "int8"), ("any", "fp32")], ids=joined)
def test_check_passes_against_a_bundle(run, tiny, bundle, spec):
    outcome = run("check", tiny.artifact(*spec), "--baseline", bundle)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("passed\n")
    for text in ("PSNR (dB)", "SSIM", "largest difference", "drawn screen (0, 0)", "threshold", "all"):
        assert text in outcome.out


@pytest.mark.parametrize("spec", [(2, "int8"), ("any", "int8"), (2, "fp16", "coreml")], ids=joined)
def test_check_makes_a_baseline_of_the_checkpoint_if_none_is_given(run, tiny, spec):
    outcome = run("check", tiny.artifact(*spec), "--checkpoint", tiny.checkpoint, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    assert report["passed"] is True
    assert report["failures"] == []
    assert report["artifact"] == tiny.artifact(*spec).name
    assert report["baseline"]["checkpoint_sha256"] == checkpoint_hash(tiny.model)
    assert len(report["tiles"]) == 4
    assert {"psnr_db", "ssim", "max_abs"} <= report["all"].keys()
    assert report["all"]["psnr_db"] >= report["threshold"]["psnr_db"]


def disguised(tiny, tmp_path: Path) -> Path:
    """The int8 program in an artifact that says it is fp32, hash and all."""
    program = tiny.artifact(2, "int8") / "model.pte"
    programs = {"model.pte": hash_program(program).model_dump()}
    folder = changed(tiny.artifact(2, "fp32"), tmp_path, programs=programs)
    shutil.copy(program, folder)
    return folder


def test_a_check_that_fails_ends_with_1_and_says_what_failed(run, tiny, bundle, tmp_path):
    folder = disguised(tiny, tmp_path)
    outcome = run("check", folder, "--baseline", bundle)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.endswith("FAILED at stage tile (a blended tile, halo in full)\n")
    assert "failed: drawn screen (0, 0): expected a PSNR of 100 dB, found " in outcome.out
    report = run("check", folder, "--baseline", bundle, "--json")
    assert report.code == 1
    assert report.json["passed"] is False
    assert len(report.json["failures"]) >= 4


def test_a_check_against_another_networks_bundle_is_an_error_and_not_a_score(run, tiny, bundle, tmp_path):
    checkpoint = {"sha256": "0" * 64, "parameters": 1}
    folder = changed(tiny.artifact(2, "fp32"), tmp_path, checkpoint=checkpoint)
    assert_refused(
        run("check", folder, "--baseline", bundle, "--json"), "expected a baseline of the artifact's"
    )
    assert_refused(
        run("check", folder, "--checkpoint", tiny.checkpoint), "expected --checkpoint or --baseline"
    )


def test_a_bundle_at_another_scale_is_refused(run, tiny, tmp_path):
    options = ("--checkpoint", tiny.checkpoint, "--tile", "16", "--scale", "3")
    run("baseline", tmp_path / "a.npz", *options)
    outcome = run("check", tiny.artifact(2, "fp32"), "--baseline", tmp_path / "a.npz")
    assert_refused(outcome, "expected a baseline at ×2, found one at ×3")


def test_what_is_no_bundle_is_refused(run, tiny, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no bundle")
    outcome = run("check", tiny.artifact(2, "fp32"), "--baseline", tmp_path / "a.npz", "--json")
    assert_refused(outcome, "expected a .npz baseline bundle")


# eval


@pytest.fixture
def test_set(tmp_path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for seed in (1, 2):
        Image.fromarray(draw_sheet(48, 64, seed)).save(folder / f"{seed}.png")
    return folder


def test_eval_compares_the_artifact_with_fp32_and_bicubic(run, tiny, test_set):
    outcome = run("eval", tiny.artifact(2, "int8"), "--data", test_set, "--checkpoint", tiny.checkpoint)
    assert (outcome.code, outcome.err) == (0, "")
    assert "set, ×2, 2 pictures, liif-x2-int8-xnnpack" in outcome.out
    for text in ("PSNR-Y (dB)", "SSIM-Y", "artifact", "fp32", "bicubic", "+0.000"):
        assert text in outcome.out


@pytest.mark.parametrize(
    ("spec", "options"), [((2, "int8"), ()), (("any", "fp32"), ("--scale", "3"))], ids=joined
)
def test_eval_for_machines_has_means_and_every_image(run, tiny, test_set, spec, options):
    arguments = ("--data", test_set, "--checkpoint", tiny.checkpoint, "--json", *options)
    outcome = run("eval", tiny.artifact(*spec), *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    assert set(report) == {"artifact", "fp32", "bicubic", "images"}
    for method in ("artifact", "fp32", "bicubic"):
        assert set(report[method]) == {"psnr_y", "ssim"}
        values = [image[method]["psnr_y"] for image in report["images"]]
        assert report[method]["psnr_y"] == pytest.approx(sum(values) / 2)
    assert [image["name"] for image in report["images"]] == ["1", "2"]


def test_eval_for_machines_writes_null_where_pictures_are_equal(run, tiny, tmp_path):
    (tmp_path / "set").mkdir()
    Image.new("RGB", (40, 40), (255, 255, 255)).save(tmp_path / "set" / "white.png")
    options = ("--data", tmp_path / "set", "--checkpoint", tiny.checkpoint, "--json")
    outcome = run("eval", tiny.artifact(2, "fp32"), *options)
    assert outcome.code == 0, outcome
    assert outcome.json["bicubic"]["psnr_y"] is None
    assert outcome.json["bicubic"]["ssim"] == 1
    assert outcome.json["artifact"]["psnr_y"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scale", "3"), "expected --scale 2, the artifact's, found 3"),
        ((), "expected the checkpoint that the artifact was made of, found another"),
        (("--data", "gone"), "expected a folder of pictures"),
    ],
    ids=joined,
)
def test_eval_refuses_what_does_not_fit(run, tiny, test_set, options, words):
    checkpoint = () if not options else ("--checkpoint", tiny.checkpoint)
    arguments = ("--data", test_set, *checkpoint, *options)
    assert_refused(run("eval", tiny.artifact(2, "fp32"), *arguments), words)


@pytest.fixture
def one_page_of_text(monkeypatch):
    monkeypatch.setattr(details, "TEXT_SIZES", (10,))


@pytest.mark.skipif(missing_ocr() is not None, reason=f"NOT TESTED: legibility; {missing_ocr()}")
def test_eval_scores_details_and_saves_what_it_looked_at(run, tiny, one_page_of_text, tmp_path):
    options = ("--details", "--save", tmp_path / "pages", "--checkpoint", tiny.checkpoint)
    outcome = run("eval", tiny.artifact(2, "int8"), *options)
    assert (outcome.code, outcome.err) == (0, "")
    for words in (
        "text, ×2, liif-x2-int8-xnnpack",
        "icons, ×2",
        "flat parts (dB)",
        "GMSD",
        "misread (%)",
        "hr",
    ):
        assert words in outcome.out
    expected = {
        f"{page}-{method}.png"
        for page in ("text-10px", "icons")
        for method in ("lr", "hr", "artifact", "fp32", "bicubic")
    }
    assert {path.name for path in (tmp_path / "pages").iterdir()} == expected
    assert set(listing(tmp_path)) == {"pages", *(f"pages/{name}" for name in expected)}


def test_eval_without_tesseract_scores_the_rest_and_says_so(
    run, tiny, one_page_of_text, monkeypatch, tmp_path
):
    pytest.importorskip("pytesseract", reason="NOT TESTED: a missing tesseract; no pytesseract here")
    monkeypatch.setenv("PATH", str(tmp_path))
    options = ("--details", "--scale", "3", "--checkpoint", tiny.checkpoint)
    outcome = run("eval", tiny.artifact("any", "fp32"), *options, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    for kind in ("text", "icons"):
        assert list(report[kind]) == ["artifact", "fp32", "bicubic"]
        assert set(report[kind]["artifact"]) == {"edges_db", "flat_db", "gmsd"}
    assert report["scale"] == 3
    assert report["cer"] is None
    assert report["cer_missing"] == "found no tesseract; apt-get install tesseract-ocr"
    assert report["readings"] == []
    outcome = run("eval", tiny.artifact("any", "fp32"), *options)
    assert outcome.out.count("flat parts (dB)") == 2
    assert outcome.out.endswith(
        "characters misread: not measured, found no tesseract; apt-get install tesseract-ocr\n"
    )


def test_eval_without_the_fonts_says_how_to_get_them_and_writes_nothing(run, tiny, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    options = ("--details", "--save", tmp_path / "pages", "--checkpoint", tiny.checkpoint)
    outcome = run("eval", tiny.artifact(2, "fp32"), *options)
    assert (outcome.code, outcome.out) == (3, "")
    assert "pip install 'liif-edge[details]'" in outcome.err
    assert listing(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "one of the arguments --data --details is required"),
        (("--details", "--data", "set"), "not allowed with argument"),
        (("--data", "set", "--save", "pages"), "expected --details with --save, found --data"),
        (("--details", "--save", "."), "expected a new folder, found something there"),
    ],
    ids=joined,
)
def test_eval_measures_one_thing_and_saves_into_a_new_folder(run, tiny, options, words):
    outcome = run("eval", tiny.artifact(2, "fp32"), "--checkpoint", tiny.checkpoint, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert words in outcome.err


# bench


@pytest.mark.parametrize("options", [("--tile", "0"), ("--tile", "257"), ("--repeats", "0")], ids=joined)
def test_bench_refuses_nothing_and_too_much(run, cached, options):
    assert_refused(run("bench", "--checkpoint", cached, "--json", *options), "expected")


# sample


def test_sample_draws_the_sample_picture(run, tmp_path):
    assert run("sample", tmp_path / "a.png").code == 0
    assert Image.open(tmp_path / "a.png").size == (360, 240)
    assert_refused(run("sample", tmp_path / "a.png"), "--force replaces it")


def test_sample_compares_bicubic_with_an_artifact_side_by_side(run, tiny, tmp_path):
    outcome = run("sample", tmp_path / "a.png", "--compare", tiny.artifact(2, "fp32"))
    both = to_float(np.asarray(Image.open(tmp_path / "a.png")))
    height, width, _ = both.shape
    assert outcome == Outcome(0, f"{tmp_path / 'a.png'}: {width}x{height}\n", "")
    assert (both[:, width // 2] == 1).all()  # the gap
    assert both[:, : width // 3].std() > both[:, -width // 3 :].std() > 0.02  # untrained: paler


# The program as a whole


@pytest.mark.parametrize(
    "command", ["build", "upscale", "baseline", "check", "eval", "bench", "info", "sample"]
)
def test_every_command_has_help_with_an_example(run, command):
    outcome = run(command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"example: liif-edge {command} " in outcome.out.replace("\n", " ")


def test_help_lists_the_commands_and_none_is_an_error(run):
    assert "upscale" in run("--help").out
    assert run().code == 2
    assert run("enlarge").code == 2


def test_a_defect_of_ours_is_shown_whole_and_ends_with_70(run, picture, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.commands.read_image", lambda path: 1 / 0)
    outcome = run("upscale", picture, tmp_path / "out.png")
    assert outcome.code == 70
    assert "ZeroDivisionError" in outcome.err
    assert "please report" in outcome.err


def test_in_a_process_of_its_own_nothing_else_reaches_the_terminal(cached, picture, tmp_path):
    command = (*CLI, "upscale", picture, tmp_path / "out.png", "--checkpoint", cached)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    expected_line = f"{tmp_path / 'out.png'}: 100x80 from 50x40, by liif-x2-int8-xnnpack\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected_line, "")


def test_ctrl_c_during_upscale_leaves_nothing_and_ends_with_130(cached, tmp_path):
    import pty

    Image.fromarray(draw_sheet(500, 500, 0)).save(tmp_path / "a.png")
    before = listing(tmp_path)
    # The full halo in the smallest tile: 238,144 tiles, for which nobody waits.
    options = ("--checkpoint", cached, "--tile", "13", "--halo", "6")
    command = (
        sys.executable,
        "-c",
        INTERRUPTIBLE,
        "upscale",
        tmp_path / "a.png",
        tmp_path / "b.png",
        *options,
    )
    screen, theirs = pty.openpty()  # a person looks: progress is shown
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"/238144" not in seen:
            seen += os.read(screen, 1000)
        process.send_signal(signal.SIGINT)
        try:
            while part := os.read(screen, 1000):
                seen += part
        except OSError:  # Linux says so when the other side is closed
            pass
        assert process.wait(timeout=60) == 130
    os.close(screen)
    assert b"liif-edge: interrupted; nothing half-written was left" in seen
    assert b"Traceback" not in seen
    assert listing(tmp_path) == before


def test_ctrl_c_during_a_build_leaves_nothing_and_ends_with_130(tiny, tmp_path):
    options = ("--checkpoint", tiny.checkpoint, "--scale", "4", "--precision", "fp32")
    command = (sys.executable, "-c", INTERRUPTIBLE, "build", "--out", tmp_path / "dist", *options)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("dist/.liif-x4-fp32-xnnpack.partial-*")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.endswith("liif-edge: interrupted; nothing half-written was left\n")
    assert "Traceback" not in err
    assert list((tmp_path / "dist").iterdir()) == []
