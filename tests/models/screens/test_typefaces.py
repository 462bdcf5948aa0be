import pytest

from models.errors import DataError
from models.screens.typefaces import find_typefaces, is_held_out


def test_fonts_are_found_below_the_folder_with_what_they_can_write(fonts):
    (face,) = find_typefaces(fonts)
    assert (face.family, face.plain, face.monospaced) == ("Aileron", True, False)
    assert face.scripts == {"latin"}


def test_a_width_is_that_of_its_letters_and_a_text_is_cut_to_it(fonts):
    (face,) = find_typefaces(fonts)
    assert face.width("Wi") == pytest.approx(face.width("W") + face.width("i"))
    assert face.cut("Wide", face.width("Wid") + 0.01) == "Wid"
    assert face.cut("Wide", 9) == "Wide"


def test_a_folder_without_fonts_to_draw_with_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="expected a folder of fonts, found none at"):
        find_typefaces(tmp_path / "absent")
    with pytest.raises(DataError, match="with Latin letters besides those that are measured with"):
        find_typefaces(tmp_path)


def test_a_file_that_is_no_font_is_named(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(DataError, match=r"broken\.ttf: expected a font"):
        find_typefaces(tmp_path)


def test_relatives_of_the_measuring_fonts_are_held_out_too():
    assert all(is_held_out(family) for family in ("DejaVu Sans Mono", "STIXGeneral", "Hack", "cmr10"))
    assert not is_held_out("Liberation Sans")
