"""The C++ runner on this machine: the same tiles as the host's, the same pictures as Python's."""

import json
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from enlarging import upscaled
from PIL import Image, ImageCms
from routers import RoutedPair

from edge.backends.xnnpack.runtime import HostProgram
from edge.devices import runner as runner_module
from edge.devices.device import Device
from edge.devices.native import NativeDevice
from edge.devices.runner import RunSettings, build
from edge.errors import BadArtifact, BadInput, ExportError, MissingDependency
from edge.images.image_file import read_image, write_picture
from edge.run.artifact import Artifact
from edge.upscaler import Upscaler

ABSENT = NativeDevice().missing()
native = pytest.mark.skipif(ABSENT is not None, reason=f"native: {ABSENT}")

Float = np.ndarray
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def tiles_of(*sizes: tuple[int, int]) -> list[dict[str, Float]]:
    rng = np.random.default_rng(0)
    return [{"lr": rng.random((1, 3, h, w), np.float32)} for h, w in sizes]


@pytest.fixture(scope="session")
def program(native_build: Path) -> Path:
    return NativeDevice(cache=native_build).runner()


@pytest.fixture
def run(program: Path, tmp_path: Path) -> Run:
    """The runner, started in tmp_path."""

    def start(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [str(program), *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return start


def refused(completed: "subprocess.CompletedProcess[str]", message: str) -> bool:
    """Whether it ended with exit code 2 and one line that says ``message``."""
    lines = completed.stderr.splitlines()
    assert completed.returncode == 2, completed
    assert len(lines) == 1 and lines[0].startswith("liif-runner: "), completed.stderr
    assert message in lines[0]
    return True


@native
def test_int8_equals_the_host_to_the_bit(int8_artifact: Path, native_build: Path) -> None:
    tiles = tiles_of((24, 24), (1, 1), (7, 64))
    device: Device = NativeDevice(RunSettings(threads=2, warmup=1, repeat=3), native_build)
    made = device.run(int8_artifact, "forward", tiles)
    host = HostProgram(int8_artifact / "model.pte")
    for tile, output in zip(tiles, made.outputs, strict=True):
        assert np.array_equal(output, host.run("forward", tile))
    assert all(0 < median <= p95 for median, p95 in zip(made.median_ms, made.p95_ms, strict=True))
    assert made.peak_mb is not None and made.peak_mb > 1
    assert made.about["device"] == "native" and made.about["threads"] == "2"


@native
def test_fp32_equals_the_host_within_1e5(fp32_artifact: Path, native_build: Path) -> None:
    (tile,) = tiles_of((31, 17))
    device = NativeDevice(RunSettings(threads=1), native_build)
    made = device.run(fp32_artifact, "forward", [tile])
    expected = HostProgram(fp32_artifact / "model.pte").run("forward", tile)
    np.testing.assert_allclose(made.outputs[0], expected, atol=1e-5, rtol=0)


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


def noise(*shape: int, high: int = 256) -> Float:
    return np.random.default_rng(3).integers(0, high, shape, np.uint8)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


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


def edited_card(artifact: Path, folder: Path, edit: Callable[[dict], object]) -> Path:
    shutil.copytree(artifact, folder)
    values = json.loads((folder / "card.json").read_text())
    edit(values)
    (folder / "card.json").write_text(json.dumps(values))
    return folder


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


@native
def test_the_device_refuses_what_the_artifact_does_not_have(
    int8_artifact: Path, native_build: Path, tmp_path: Path
) -> None:
    device, (tile,) = NativeDevice(cache=native_build), tiles_of((8, 8))
    with pytest.raises(BadInput, match="expected a method of forward, found encode"):
        device.run(int8_artifact, "encode", [tile])
    with pytest.raises(BadInput, match="expected float32 inputs lr of method forward, found rgb float32"):
        device.run(int8_artifact, "forward", [{"rgb": tile["lr"]}])
    with pytest.raises(BadInput, match=r"native: .*\(1, 3, 64, 64\) at most, found \(1, 3, 8, 99\)"):
        device.run(int8_artifact, "forward", tiles_of((8, 99)))
    with pytest.raises(BadArtifact, match="artifact folder"):
        device.run(tmp_path / "none", "forward", [tile])


@native
def test_a_build_that_fails_is_told_in_the_compilers_words(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match=r"expected the runner to build.*failed\.log"):
        build(tmp_path / "build", ["-DEXECUTORCH_WHEEL=/none"])
    assert "EXECUTORCH_WHEEL: expected the folder" in (tmp_path / "build" / "failed.log").read_text()


def test_without_a_compiler_it_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, int8_artifact: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt-get install cmake make g\\+\\+"):
        NativeDevice().run(int8_artifact, "forward", tiles_of((8, 8)))


def test_without_the_repository_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "SOURCES", tmp_path)
    assert "clone it and pip install -e ." in (NativeDevice().missing() or "")


def test_a_runner_that_is_killed_or_says_nothing_is_an_error(int8_artifact: Path, tmp_path: Path) -> None:
    about, inputs = {"device": "stand-in"}, tiles_of((8, 8))
    for script, message in {
        "kill -9 $$": "exit code -9 and no word",
        "echo '{}'": "expected the runner's report and outputs, found KeyError",
        "echo nonsense": "expected the runner's report and outputs",
    }.items():
        start = runner_module.start_here(["sh", "-c", script])
        with pytest.raises(ExportError, match=message):
            runner_module.run_job(int8_artifact, "forward", inputs, RunSettings(), start, about)


def test_a_measurement_needs_a_run() -> None:
    with pytest.raises(BadInput, match="at least 1 thread"):
        RunSettings(repeat=0)
