"""Metadata through read, enlarge and write: kept, upright and with the new size, or stripped."""

import re
from pathlib import Path

import pytest
from enlarging import doubled
from fidelity import CASES, FORMATS, noise, p3, samples, through
from PIL import Image

from edge.errors import BadInput
from edge.images.image_file import check_output, read_image, write_picture
from edge.images.metadata import Metadata
from edge.images.picture import Picture, picture_of


def photo(path: Path, **options: object) -> None:
    exif = Image.Exif()
    exif[271], exif[274] = "ACME", 6
    exif[0x8769] = {36867: "2020:01:01 00:00:00", 40962: 9, 40963: 8, 37500: b"maker's note"}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    exif[282], exif[283], exif[296] = 300.0, 150.0, 2
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6" note="kept"/>'
    Image.fromarray(noise(8, 9, 3)).save(path, exif=exif.tobytes(), xmp=xmp, **options)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("bits", [8, 16])
def test_exif_and_xmp_are_kept_upright_and_with_the_new_size(tmp_path, suffix, bits):
    photo(tmp_path / "in.jpg", dpi=(300, 150))
    picture = read_image(tmp_path / "in.jpg")
    enlarged = doubled(picture)
    write_picture(tmp_path / f"out.{suffix}", picture_of(enlarged.rgb, bits=bits, metadata=enlarged.metadata))
    image = Image.open(tmp_path / f"out.{suffix}")
    exif = image.getexif()
    assert image.size == (16, 18)
    assert (exif[271], exif.get(274, 1)) == ("ACME", 1)
    details = exif.get_ifd(0x8769)
    assert details[36867] == "2020:01:01 00:00:00" and details[37500] == b"maker's note"
    assert (details[40962], details[40963]) == (16, 18)
    assert exif.get_ifd(0x8825)[2] == (1.0, 2.0, 3.0)
    # Turned by a quarter, x and y change places.
    assert (exif[282], exif[283]) == (300.0, 600.0)
    assert b'tiff:Orientation="1"' in image.info["xmp"] and b'note="kept"' in image.info["xmp"]
    assert len(samples(tmp_path / f"out.{suffix}")) == 18 or suffix == "avif"


@pytest.mark.parametrize("suffix", FORMATS)
def test_stripped_nothing_of_it_is_left(tmp_path, suffix):
    photo(tmp_path / "in.jpg", dpi=(300, 150))
    picture = doubled(read_image(tmp_path / "in.jpg"))
    stripped = picture_of(picture.rgb, icc_profile=p3(), metadata=picture.metadata.stripped())
    write_picture(tmp_path / f"out.{suffix}", stripped)
    image = Image.open(tmp_path / f"out.{suffix}")
    assert not image.getexif().get_ifd(0x8825) and 271 not in image.getexif()
    assert "xmp" not in image.info and image.info["icc_profile"] == p3()
    content = (tmp_path / f"out.{suffix}").read_bytes()
    assert b"ACME" not in content and b"2020:01" not in content and b"xmpmeta" not in content
    assert read_image(tmp_path / f"out.{suffix}").metadata.dpi == pytest.approx((300, 600), abs=0.01)


def test_the_case_of_a_turned_photograph(tmp_path):
    image = through(CASES / "orient6.jpg", tmp_path / "out.jpg")
    assert image.size == (144, 192)
    exif = image.getexif()
    assert (exif[274], exif[271], exif[36867]) == (1, "ACME", "2020:01:01 00:00:00")
    assert exif.get_ifd(0x8825) == {1: "N", 2: (1.0, 2.0, 3.0)}
    assert 282 not in exif  # it had no resolution


@pytest.mark.parametrize("found", [0, 9, 77])
def test_an_orientation_that_exif_does_not_know_is_upright(tmp_path, found):
    exif = Image.Exif()
    exif[274] = found
    Image.fromarray(noise(8, 9, 3)).save(tmp_path / "in.png", exif=exif)
    image = through(tmp_path / "in.png", tmp_path / "out.png")
    assert image.size == (18, 16) and image.getexif()[274] == 1


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_printed_size_stays(tmp_path, suffix):
    write_picture(tmp_path / f"out.{suffix}", doubled(read_image(CASES / "dpi300.png")))
    again = read_image(tmp_path / f"out.{suffix}")
    assert again.metadata.dpi == pytest.approx((600, 600), abs=0.01)
    if suffix in ("png", "jpg", "tif"):
        assert Image.open(tmp_path / f"out.{suffix}").info["dpi"] == pytest.approx((600, 600), abs=0.01)


def test_a_resolution_without_a_unit_is_none(tmp_path):
    assert read_image(CASES / "miniswhite16.tif").metadata.dpi is None
    assert read_image(CASES / "gray.jpg").metadata.dpi is None
    Image.fromarray(noise(8, 9)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").metadata.dpi is None


@pytest.mark.parametrize("bits", [8, 16])
def test_png_texts_and_xmp_are_kept(tmp_path, bits):
    picture = doubled(read_image(CASES / "sdtext.png"))
    texts = (*picture.metadata.texts, ("Überschrift", "日本"))
    kept = Metadata(texts=texts, xmp=picture.metadata.xmp)
    write_picture(tmp_path / "out.png", picture_of(picture.rgb, bits=bits, metadata=kept))
    image = Image.open(tmp_path / "out.png")
    assert image.text["parameters"] == "a cat, steps 20" and image.text["Überschrift"] == "日本"
    assert image.info["xmp"] == b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    assert read_image(tmp_path / "out.png").metadata == kept


def test_damaged_exif_is_said_and_left_out(tmp_path):
    Image.fromarray(noise(8, 9, 3)).save(tmp_path / "in.png", exif=b"Exif\0\0XX*\0rubbish")
    picture = read_image(tmp_path / "in.png")
    assert re.fullmatch(r"its EXIF is damaged \(.+\) and left out", *picture.notes)
    write_picture(tmp_path / "out.png", doubled(picture))


def test_more_exif_than_a_jpeg_holds_is_refused_before_the_work(tmp_path):
    for metadata in (Metadata(exif=bytes(65_534)), Metadata(xmp=bytes(65_505))):
        with pytest.raises(BadInput, match=r"for JPEG, found .*--strip"):
            check_output(tmp_path / "a.jpg", force=False, picture=Picture((9, 9), metadata=metadata))
        check_output(tmp_path / "a.png", force=False, picture=Picture((9, 9), metadata=metadata))
