import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
import pytest
from image_files import as_bytes, noise, srgb_profile, unprivileged
from PIL import Image

from edge.errors import BadImage, BadInput, OutputExists
from edge.images.image_file import check_output, read_image, write_image, write_picture, write_pictures
from edge.images.picture import Picture
from edge.images.pixels import to_float

# Before writing


def test_a_free_path_passes(tmp_path):
    for name in ("a.png", "a.jpg", "a.jpeg", "a.webp", "A.PNG"):
        check_output(tmp_path / name, force=False)


def test_a_taken_path_needs_force(tmp_path):
    (tmp_path / "a.png").write_bytes(b"precious")
    with pytest.raises(OutputExists, match="--force"):
        check_output(tmp_path / "a.png", force=False)
    check_output(tmp_path / "a.png", force=True)
    assert (tmp_path / "a.png").read_bytes() == b"precious"


def test_a_link_to_nowhere_is_taken_too(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(OutputExists):
        check_output(tmp_path / "a.png", force=False)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_no_output(tmp_path, force):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(BadInput, match="found a folder"):
        check_output(tmp_path / "a.png", force=force)


def test_the_outputs_folder_must_exist(tmp_path):
    with pytest.raises(BadInput, match="found nothing there"):
        check_output(tmp_path / "gone" / "a.png", force=False)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="found a file"):
        check_output(tmp_path / "file" / "a.png", force=True)


def test_the_outputs_folder_must_be_writable():
    with unprivileged() as folder:
        check_output(folder / "a.png", force=False)
        (folder / "locked").mkdir()
        (folder / "locked").chmod(0o555)
        with pytest.raises(BadInput, match="write-protected"):
            check_output(folder / "locked" / "a.png", force=True)


@pytest.mark.parametrize("name", ["a.psd", "a.bmp", "a", ".png", "a.png.txt"])
def test_an_unknown_extension_lists_the_known_ones(tmp_path, name):
    with pytest.raises(BadInput, match=r"\.png, \.jpg, \.jpeg, \.webp"):
        check_output(tmp_path / name, force=False)


def test_what_the_format_cannot_hold_is_said_before_the_work(tmp_path):
    with pytest.raises(BadInput, match=r"16383 pixels a side.*found 16384x10"):
        check_output(tmp_path / "a.webp", force=False, picture=Picture((10, 16_384)))
    check_output(tmp_path / "a.webp", force=False, picture=Picture((6_000, 16_383), has_alpha=True))
    with pytest.raises(BadInput, match=r"100000000 pixels for WEBP.*found 16383x6200; write \.png"):
        check_output(tmp_path / "a.webp", force=False, picture=Picture((6_200, 16_383)))
    with pytest.raises(BadInput, match=r"4278190080 bytes.*TIFF's limit, found 4800000000"):
        check_output(tmp_path / "a.tif", force=False, picture=Picture((20_000, 40_000), bits=16))
    check_output(tmp_path / "a.png", force=False, picture=Picture((20_000, 40_000), bits=16))
    with pytest.raises(BadInput, match="transparency"):
        check_output(tmp_path / "a.jpg", force=False, picture=Picture((9, 9), has_alpha=True))


# Writing


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_lossless_formats_give_back_every_byte(tmp_path, name, with_alpha):
    u8 = noise(9, 7, 4)
    rgb = to_float(u8[:, :, :3]).transpose(2, 0, 1)
    alpha = to_float(np.where(u8[:, :, 3] < 128, 0, u8[:, :, 3]).astype(np.uint8)) if with_alpha else None
    write_image(tmp_path / name, rgb, alpha, srgb_profile())
    picture = read_image(tmp_path / name)
    assert np.array_equal(picture.rgb, rgb)
    assert picture.alpha is None if alpha is None else np.array_equal(picture.alpha, alpha)
    assert picture.icc_profile == srgb_profile()
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG"])
def test_jpeg_is_close_and_keeps_full_colour_resolution(tmp_path, name):
    u8 = np.zeros((16, 16, 3), np.uint8)
    u8[:, ::2] = (255, 0, 0)  # colour stripes one pixel wide, which 4:2:0 would mix
    u8[:, 1::2] = (0, 0, 255)
    write_image(tmp_path / name, to_float(u8).transpose(2, 0, 1), icc_profile=srgb_profile())
    with Image.open(tmp_path / name) as image:
        assert image.format == "JPEG"
    picture = read_image(tmp_path / name)
    assert abs(as_bytes(picture).astype(int) - u8).max() < 24
    assert picture.icc_profile == srgb_profile()


def test_writing_clamps_and_rounds_half_to_even(tmp_path):
    rgb = np.array([-1, 2.5 / 255, 3.5 / 255, 9], np.float32).reshape(1, 1, 4).repeat(3, axis=0)
    write_image(tmp_path / "a.png", rgb)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 2, 4, 255]


def test_transparency_in_a_jpeg_is_refused_not_flattened(tmp_path):
    with pytest.raises(BadInput, match="transparency"):
        write_image(tmp_path / "a.jpg", np.zeros((3, 2, 2), np.float32), np.zeros((2, 2), np.float32))
    assert os.listdir(tmp_path) == []


def test_a_side_beyond_the_format_is_refused(tmp_path):
    with pytest.raises(BadInput, match="16383"):
        write_image(tmp_path / "a.webp", np.zeros((3, 1, 16_384), np.float32))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4), (1, 3, 4, 4), (3, 0, 4)])
def test_other_shapes_are_refused(tmp_path, shape):
    with pytest.raises(BadImage, match=r"expected pixels \(3, H, W\)"):
        write_image(tmp_path / "a.png", np.zeros(shape, np.float32))


def test_alpha_of_another_size_is_refused(tmp_path):
    with pytest.raises(BadImage, match="alpha"):
        write_image(tmp_path / "a.png", np.zeros((3, 4, 4), np.float32), np.zeros((4, 5), np.float32))


def test_nan_leaves_the_old_file_alone(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(BadImage, match="NaN"):
        write_image(tmp_path / "a.png", np.full((3, 2, 2), np.nan, np.float32))
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_an_existing_file_is_replaced_whole(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old" * 9999)
    write_image(tmp_path / "a.png", np.zeros((3, 2, 2), np.float32))
    assert read_image(tmp_path / "a.png").size == (2, 2)


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    write_image(tmp_path / "a.png", np.zeros((3, 2, 2), np.float32))
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    rgb = to_float(noise(64, 64)).transpose(2, 0, 1)  # 12 kB of noise, against a limit of 4 kB
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(BadInput, match="File too large"):
            write_image(tmp_path / "a.png", rgb)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_folder_in_the_way_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(BadInput, match=r"a\.png"):
        write_image(tmp_path / "a.png", np.zeros((3, 2, 2), np.float32))
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_ctrl_c_leaves_nothing_behind(tmp_path, name):
    def interrupted() -> Iterator[np.ndarray]:
        yield noise(4, 8)
        assert len(os.listdir(tmp_path)) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / name, Picture((8, 8), interrupted()))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("n_pictures", [1, 2])
def test_ctrl_c_right_after_a_thread_has_begun_ends_it(tmp_path, monkeypatch, n_pictures):
    submit = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, *call: object) -> None:
        submit(pool, *call)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    pictures = {tmp_path / f"{number}.png": Picture((4, 8), []) for number in range(n_pictures)}
    with pytest.raises(KeyboardInterrupt):
        write_pictures(pictures, iter([[noise(4, 8)] * n_pictures]))
    assert os.listdir(tmp_path) == []


def test_ctrl_c_is_heard_while_libvips_encodes(tmp_path):
    strip = noise(500, 2000)
    interrupted: list[float] = []

    def interrupt_once_bytes_are_written() -> None:
        while not any(file.stat().st_size for file in tmp_path.iterdir()):
            time.sleep(0.01)
        interrupted.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_once_bytes_are_written)

    def strips() -> Iterator[np.ndarray]:
        thread.start()
        yield from repeat(strip, 600)  # a minute's work, of which the signal comes in the first moment

    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "a.png", Picture((600 * 500, 2000), strips()))
    assert time.monotonic() - interrupted[0] < 5
    assert os.listdir(tmp_path) == []
