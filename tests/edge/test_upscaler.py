"""``Upscaler``: Pillow's images and NumPy's arrays, enlarged as the command enlarges their files."""

import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import pyvips
from command_line import ROOT
from PIL import Image

from edge import Upscaler
from edge.embedded import embedded_artifact
from edge.errors import BadArtifact, BadImage, BadInput, OutputExists
from edge.recipe import ArtifactSpec
from edge.run.target import ByFactor, Target, ToSize
from edge.upscaler import Rendition
from models import EMBEDDED
from models.drawings import draw_sheet
from models.errors import CheckpointError

SHEET = draw_sheet(22, 30, 1)


@pytest.fixture(scope="module")
def upscaler(tiny) -> Upscaler:
    """Of a tiny network: it makes any size."""
    return Upscaler(artifact=tiny.artifact("any", "int8"))


def sheet(mode: str) -> Image.Image:
    return Image.fromarray(SHEET).convert(mode)


def translucent() -> Image.Image:
    image = sheet("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def palette_with_a_clear_colour() -> Image.Image:
    image = sheet("RGB").quantize(8)
    image.info["transparency"] = 0
    return image


def turned() -> Image.Image:
    image = sheet("RGB")
    image.getexif()[274] = 6
    return image


def in_display_p3() -> Image.Image:
    image = sheet("RGB")
    image.info["icc_profile"] = bytes(pyvips.Image.profile_load("p3"))
    return image


IMAGES = {
    "RGB": (lambda: sheet("RGB"), "RGB"),
    "L": (lambda: sheet("L"), "L"),
    "1": (lambda: sheet("1"), "L"),
    "LA": (lambda: translucent().convert("LA"), "LA"),
    "RGBA": (translucent, "RGBA"),
    "P": (lambda: sheet("RGB").quantize(8), "RGB"),
    "P, clear": (palette_with_a_clear_colour, "RGBA"),
    "CMYK": (lambda: sheet("CMYK"), "RGB"),
    "I;16": (lambda: Image.fromarray(np.arange(0, 65_536, 256, dtype=np.uint16).reshape(16, 16)), "I;16"),
    "turned": (turned, "RGB"),
    "Display P3": (in_display_p3, "RGB"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_becomes_what_its_file_becomes(upscaler, tmp_path, name):
    make, mode = IMAGES[name]
    image = make()
    suffix = ".tif" if image.mode == "CMYK" else ".png"
    options = {key: image.info[key] for key in ("icc_profile", "transparency") if key in image.info}
    image.save(tmp_path / f"a{suffix}", exif=image.getexif(), **options)
    upscaler.upscale_file(f"{tmp_path}/a{suffix}", f"{tmp_path}/b.png", ByFactor(1.6))
    enlarged = upscaler.upscale(image, 1.6)
    with Image.open(tmp_path / "b.png") as written:
        assert (enlarged.mode, enlarged.size) == (mode, written.size)
        assert np.array_equal(np.asarray(enlarged), np.asarray(written))
        assert enlarged.info.get("icc_profile") == written.info.get("icc_profile")


def test_a_resolution_grows_with_the_pixels(upscaler):
    image = sheet("RGB")
    image.info["dpi"] = (300, 300)
    assert upscaler.upscale(image, 2).info["dpi"] == pytest.approx((600, 600), abs=0.1)
    assert "dpi" not in upscaler.upscale(sheet("RGB"), 2).info


@pytest.mark.parametrize("mode", ["I", "F", "HSV", "LAB"])
def test_images_without_a_known_range_are_refused(upscaler, mode):
    with pytest.raises(BadImage, match=f"found mode {mode}"):
        upscaler.upscale(Image.new(mode, (8, 8)))


def test_animations_are_refused(upscaler, tmp_path):
    sheet("P").save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("P", (30, 22))])
    with Image.open(tmp_path / "a.gif") as image, pytest.raises(BadImage, match="found 2 frames"):
        upscaler.upscale(image)


def array(dtype: str, *channels: int) -> np.ndarray:
    samples = np.random.default_rng(0).random((22, 30, *channels), np.float32)
    return samples if dtype == "float32" else (samples * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_an_array_keeps_its_dtype_and_channels(upscaler, dtype, channels):
    given = array(dtype, *channels)
    before = given.copy()
    enlarged = upscaler.upscale(given, size=(45, 40))
    assert (enlarged.dtype, enlarged.shape) == (given.dtype, (40, 45, *channels))
    assert np.array_equal(given, before)
    white = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    as_floats = upscaler.upscale((given / white).astype(np.float32), size=(45, 40))
    assert abs(enlarged / white - as_floats).max() <= (0.51 / white if dtype != "float32" else 0)


def test_a_float_array_is_not_rounded_and_stays_in_its_range(upscaler):
    enlarged = upscaler.upscale(array("float32", 3))
    assert enlarged.min() >= 0 and enlarged.max() <= 1
    assert len(np.unique(enlarged)) > 256


def test_an_array_and_an_image_of_it_become_the_same(upscaler):
    assert np.array_equal(upscaler.upscale(SHEET), np.asarray(upscaler.upscale(Image.fromarray(SHEET))))


def test_an_opaque_alpha_stays_opaque(upscaler):
    opaque = np.dstack([SHEET, np.full(SHEET.shape[:2], 255, np.uint8)])
    assert (upscaler.upscale(opaque)[:, :, 3] == 255).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((5, 5, 2), np.uint8), r"expected an array .*, found \(5, 5, 2\)"),
        (np.zeros((0, 5, 3), np.uint8), r"found \(0, 5, 3\)"),
        (np.zeros((1, 3, 5, 5), np.uint8), r"found \(1, 3, 5, 5\)"),
        (np.zeros((5, 5, 3), np.int64), "expected an array of uint8, uint16 or float32, found int64"),
        (np.full((5, 5, 3), 255, np.float32), r"expected floats in \[0, 1\], found 255 to 255"),
        (np.full((5, 5, 3), np.nan, np.float32), r"expected floats in \[0, 1\], found nan"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(upscaler, given, words):
    with pytest.raises(BadImage, match=words):
        upscaler.upscale(given)


def test_sizes_that_cannot_be_are_refused(upscaler):
    with pytest.raises(BadInput, match="expected a scale or a size, found both"):
        upscaler.upscale(SHEET, 2, size=(60, 44))
    with pytest.raises(BadInput, match="the picture's 30x22, found 29x22"):
        upscaler.upscale(SHEET, size=(29, 22))
    with pytest.raises(BadInput, match="expected a scale from 1 to 30, found 31"):
        upscaler.upscale(SHEET, 31)


def test_artifacts_and_weights_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(BadArtifact, match="expected an artifact folder, found nothing"):
        Upscaler(artifact=tmp_path / "gone").upscale(SHEET)
    with pytest.raises(CheckpointError, match="expected a checkpoint file, found nothing"):
        Upscaler(tmp_path / "gone.pth").upscale(SHEET)


def test_threads_share_one_upscaler(upscaler):
    given = [np.ascontiguousarray(np.roll(SHEET, shift, axis=1)) for shift in range(12)]
    alone = [upscaler.upscale(each, 2.5) for each in given]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda each: upscaler.upscale(each, 2.5), given))
    assert all(map(np.array_equal, alone, together))


def test_the_default_takes_the_weights_that_suit_the_image_and_builds_nothing(tmp_path):
    sheet("RGB").save(tmp_path / "lossy.jpg", quality=60)
    upscaler = Upscaler.default()
    for weights, image in (("photo", Image.open(tmp_path / "lossy.jpg")), ("screen", sheet("RGB"))):
        artifact = embedded_artifact(EMBEDDED[weights], ArtifactSpec(2, "int8-dynamic"))
        expected = Upscaler(artifact=artifact).upscale(np.asarray(image))
        assert np.array_equal(np.asarray(upscaler.upscale(image)), expected)
        assert np.array_equal(Upscaler(weights).upscale(np.asarray(image)), expected)
    assert upscaler.upscale(SHEET, 3).shape == (66, 90, 3)


def renditions(folder: Path, **targets: Target) -> list[Rendition]:
    return [Rendition(folder / f"{name}.{name[:3]}", target) for name, target in targets.items()]


def test_files_of_several_sizes_are_those_made_alone(upscaler, tmp_path):
    translucent().save(tmp_path / "in.png", dpi=(300, 300))
    (tmp_path / "alone").mkdir()
    targets = {"png1": ByFactor(2), "tif2": ByFactor(3), "png3": ToSize(47, 40)}
    together, alone = (renditions(folder, **targets) for folder in (tmp_path, tmp_path / "alone"))
    made = upscaler.upscale_to_sizes(tmp_path / "in.png", together)
    for one, other in zip(together, alone, strict=True):
        assert upscaler.upscale_file(tmp_path / "in.png", other.path, other.target) == made[one]
        assert one.path.read_bytes() == other.path.read_bytes()


def test_a_size_that_cannot_be_keeps_no_other_from_being_made(upscaler, tmp_path):
    translucent().save(tmp_path / "in.png")
    targets = {"png1": ByFactor(3), "png2": ToSize(10, 10), "jpg3": ByFactor(2), "png4": ByFactor(1.5)}
    good, small, opaque, taken = renditions(tmp_path, **targets)
    taken.path.touch()
    made = upscaler.upscale_to_sizes(tmp_path / "in.png", [good, small, opaque, taken])
    assert made[good].size == (66, 90) and Image.open(good.path).size == (90, 66)
    assert "expected a target of 1 to 30 times" in str(made[small])
    assert "expected an opaque picture for JPEG" in str(made[opaque])
    assert isinstance(made[taken], OutputExists)
    assert not taken.path.read_bytes() and not small.path.exists() and not opaque.path.exists()


def test_sizes_of_one_program_appear_together_or_not_at_all(upscaler, tmp_path):
    Image.fromarray(draw_sheet(150, 200, 3)).save(tmp_path / "in.png")
    small, large = renditions(tmp_path, png1=ByFactor(1.5), png2=ByFactor(2))
    smallest, middle = (upscaler.upscale_file(tmp_path / "in.png", r.path, r.target) for r in (small, large))
    assert smallest.size < middle.size
    n_small, n_large = small.path.stat().st_size, large.path.stat().st_size
    small.path.unlink(), large.path.unlink()
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((n_small + n_large) // 2, before[1]))
    try:
        made = upscaler.upscale_to_sizes(tmp_path / "in.png", [small, large])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    reason = f"{large.path}: expected to write the picture, found File too large"
    assert [str(made[rendition]) for rendition in (small, large)] == [reason] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_an_ensemble_is_another_picture_of_the_same_size(tiny, upscaler):
    ensemble = Upscaler(artifact=tiny.artifact("any", "int8"), ensemble=True).upscale(SHEET)
    once = upscaler.upscale(SHEET)
    assert ensemble.shape == once.shape and not np.array_equal(ensemble, once)


def test_importing_the_package_stays_cheap():
    program = "import sys, edge; print(edge.__all__, {'numpy', 'PIL', 'torch'} & {*sys.modules})"
    command = (sys.executable, "-c", program)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['Upscaler'] set()\n"
