"""What is estimated before the work is what the work takes."""

import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from edge.errors import BadInput
from edge.images.image_file import read_image
from edge.images.needs import PROCESS, Needs, check_disk, needs_of
from edge.images.picture import Picture
from edge.run.upscale import enlarged

linux = pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")

# Prints how much memory the enlargement took beyond that of the process before it, in bytes.
MEASURED = """
import sys
from pathlib import Path
from enlarging import repeating_artifact
from edge.images.image_file import read_image, write_picture
from edge.images.libvips import libvips
from edge.run.upscale import enlarged, filled, render_picture

def peak(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return 1024 * int(line.split()[1])

source, target, held = sys.argv[1:]
libvips(), repeating_artifact()
before = peak("VmRSS")
picture = read_image(source, int(held))
made = enlarged(picture, (2 * picture.size[0], 2 * picture.size[1]))
write_picture(target, filled(made, render_picture(repeating_artifact(), picture, [made])))
print(peak("VmHWM") - before)
"""


def measured(source: Path, target: Path, held: int) -> int:
    outcome = subprocess.run(
        [sys.executable, "-c", MEASURED, source, target, str(held)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(outcome.stdout)


@linux
@pytest.mark.parametrize("kind", ["bmp", "one compressed strip.tif"])
def test_the_estimate_holds_where_reading_takes_the_most(tmp_path, kind):
    source = tmp_path / f"in.{kind.rpartition('.')[2]}"
    samples = np.random.default_rng(0).integers(0, 256, (9000, 1000, 3), np.uint8)
    if kind.endswith("tif"):
        tifffile.imwrite(source, samples, rowsperstrip=9000, photometric="rgb", compression="zlib")
    else:
        Image.fromarray(samples).save(source)
    held = 0 if kind.endswith("tif") else 10**9
    picture = read_image(source, held)
    estimated = needs_of(picture, {tmp_path / "a.jpg": enlarged(picture, (18_000, 2000))}).memory - PROCESS
    assert measured(source, tmp_path / "a.jpg", held) == pytest.approx(estimated, rel=0.3)


@linux
@pytest.mark.parametrize(("name", "held"), [("out.png", 0), ("out.webp", 10**9)], ids=["row by row", "held"])
def test_the_estimate_of_memory_is_within_a_third_of_the_peak(tmp_path, name, held):
    strip = np.random.default_rng(0).integers(0, 40, (1, 8000, 3), np.uint8)
    Image.fromarray(np.repeat(strip, 900, axis=0)).save(tmp_path / "in.png")
    picture = read_image(tmp_path / "in.png", held)
    target = enlarged(picture, (1800, 16_000))
    estimated = needs_of(picture, {tmp_path / name: target}).memory - PROCESS
    assert measured(tmp_path / "in.png", tmp_path / name, held) == pytest.approx(estimated, rel=0.3)


def test_a_disk_that_is_too_full_is_said_before_the_work(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(free=2 * 10**9))
    check_disk(tmp_path / "a.png", Needs(memory=0, disk=16 * 10**9, temporary=2 * 10**9))
    for needs in (
        Needs(memory=0, disk=24 * 10**9, temporary=0),
        Needs(memory=0, disk=0, temporary=3 * 10**9),
    ):
        with pytest.raises(BadInput, match=r"expected 3\.0 GB of free disk in .*, found 2\.0 GB"):
            check_disk(tmp_path / "a.png", needs)


def test_little_room_is_said_in_small_units(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(free=40_960))
    with pytest.raises(BadInput, match=r"expected 0\.2 MB of free disk in .*, found 41\.0 kB"):
        check_disk(tmp_path / "a.png", Needs(memory=0, disk=1_440_000, temporary=0))


def test_only_large_needs_are_worth_a_line(tmp_path):
    small, large = (Picture(size) for size in ((3000, 4000), (20_000, 30_000)))
    assert not needs_of(small, {tmp_path / "a.png": small}).are_large
    assert str(needs_of(small, {tmp_path / "a.png": large})) == "0.5 GB of memory and up to 1.8 GB of disk"
    assert needs_of(small, {tmp_path / "a.png": large}).are_large


def test_files_that_are_written_side_by_side_add_up(tmp_path):
    small, large = (Picture(size) for size in ((3000, 4000), (20_000, 30_000)))
    files = {tmp_path / name: large for name in ("a.png", "b.png", "c.png")}
    one, two, three = (needs_of(small, dict(list(files.items())[:n])) for n in (1, 2, 3))
    assert three.memory - two.memory == two.memory - one.memory > 0
    assert (two.disk, three.disk) == (2 * one.disk, 3 * one.disk)
