"""``card.json`` is read as it was written, and nothing else is taken for one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge.card import CARD_FILE, Card, TileCard, hash_program
from edge.card_reader import read_card
from edge.errors import BadArtifact

MISSING = object()


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    return Path(shutil.copytree(tiny.artifact(2, "fp32"), tmp_path / "artifact"))


def change(folder: Path, *keys: str | int, to: Any) -> None:
    """Set, or remove, what stands at ``keys`` of the card."""
    values = json.loads((folder / CARD_FILE).read_text())
    place = values
    for key in keys[:-1]:
        place = place[key]
    if to is MISSING:
        del place[keys[-1]]
    else:
        place[keys[-1]] = to
    (folder / CARD_FILE).write_text(json.dumps(values))


def assert_refused(folder: Path, *words: str) -> None:
    with pytest.raises(BadArtifact) as caught:
        read_card(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "spec", [(2, "fp32"), (2, "int8"), ("any", "fp32"), (2, "fp16", "coreml")], ids=lambda s: f"{s[0]}-{s[1]}"
)
def test_a_card_is_read_as_it_was_written(tiny, spec):
    text = (tiny.artifact(*spec) / CARD_FILE).read_text()
    card = read_card(tiny.artifact(*spec))
    assert card.to_json() == text
    assert Card.model_validate_json(text) == card
    assert (card.scale, card.precision) == spec[:2]


def test_a_folder_without_a_card_is_no_artifact(tmp_path):
    assert_refused(tmp_path, "expected card.json in the folder, found none")


def test_nothing_and_a_file_are_no_artifact(tmp_path):
    assert_refused(tmp_path / "gone", "expected an artifact folder, found nothing there")
    (tmp_path / "file").write_text("{}")
    assert_refused(tmp_path / "file", "expected an artifact folder, found a file")


def test_a_folder_in_the_cards_place_is_refused(tmp_path):
    (tmp_path / CARD_FILE).mkdir()
    assert_refused(tmp_path, "expected JSON, found")


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": 1', b"\xff\xfe", b"[" * 100_000])
def test_a_card_that_is_no_json_is_refused(folder, content):
    (folder / CARD_FILE).write_bytes(content)
    assert_refused(folder, "expected JSON, found")


@pytest.mark.parametrize("version", [2, 0, "1", None, [1], MISSING])
def test_another_schema_version_is_refused_and_named(folder, version):
    change(folder, "schema_version", to=version)
    found = None if version is MISSING else version
    assert_refused(folder, f"expected schema version 1, found {found!r}")


@pytest.mark.parametrize("content", ["[]", "1", "null", '"card"', "{}"])
def test_json_that_is_no_card_has_no_version(folder, content):
    (folder / CARD_FILE).write_text(content)
    assert_refused(folder, "expected schema version 1, found None")


@pytest.mark.parametrize(
    ("halo", "fixed", "smallest_side"), [(8, None, 8), (36, None, 8), (4, None, 4), (0, None, 0), (8, 96, 0)]
)
def test_pictures_are_extended_up_to_the_halo_and_to_eight_pixels_at_most(halo, fixed, smallest_side):
    tile = TileCard(maximum=128, default=128, halo=halo, full_halo=36, fixed=fixed)
    assert tile.smallest_side == smallest_side


@pytest.mark.parametrize(
    "keys", [("tile",), ("tile", "halo"), ("methods", 0, "program"), ("checkpoint", "sha256"), ("measured",)]
)
def test_a_missing_field_is_named(folder, keys):
    change(folder, *keys, to=MISSING)
    assert_refused(folder, f": {'.'.join(map(str, keys))}: Field required")


@pytest.mark.parametrize("keys", [("colour",), ("tile", "colour"), ("methods", 0, "colour")])
def test_an_unknown_field_is_named(folder, keys):
    change(folder, *keys, to="red")
    assert_refused(folder, f": {'.'.join(map(str, keys))}: Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("scale",), 5),
        (("scale",), "2"),
        (("target",), "tflite"),
        (("precision",), "int4"),
        (("name",), 7),
        (("methods",), []),
        (("methods",), {}),
        (("tile", "maximum"), "64"),
        (("tile", "maximum"), 0),
        (("tile", "halo"), -1),
        (("tile", "default"), 1.5),
        (("macs_per_output_pixel",), True),
        (("programs",), {}),
        (("programs", "model.pte", "bytes"), None),
        (("methods", 0, "inputs", 0, "dtype"), "float16"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_fields_name(folder, keys, value):
    change(folder, *keys, to=value)
    assert_refused(folder, f": {'.'.join(map(str, keys))}")


def test_decoding_belongs_to_any_scale_artifacts_only(folder, tiny, tmp_path):
    change(folder, "decoding", to={"local_ensemble": True, "cell_decode": True, "max_rows": 4})
    assert_refused(folder, "decoding belongs to any-scale artifacts")
    any_scale = Path(shutil.copytree(tiny.artifact("any", "fp32"), tmp_path / "any"))
    change(any_scale, "decoding", to=None)
    assert_refused(any_scale, "decoding belongs to any-scale artifacts")


def test_a_method_in_a_program_that_is_not_listed_is_refused(folder):
    change(folder, "methods", 0, "program", to="other.pte")
    assert_refused(folder, "method forward is in other.pte, which programs does not list")


@pytest.mark.parametrize("name", ["../model.pte", "/etc/hostname", "a/model.pte", "..", ".", ""])
def test_a_program_outside_the_folder_is_refused_unread(folder, name):
    (folder.parent / "model.pte").write_bytes((folder / "model.pte").read_bytes())
    values = json.loads((folder / CARD_FILE).read_text())
    change(folder, "programs", to={name: values["programs"]["model.pte"]})
    change(folder, "methods", 0, "program", to=name)
    assert_refused(folder, "programs must be plain names inside the artifact's folder")


def test_a_missing_program_is_named(folder):
    (folder / "model.pte").unlink()
    assert_refused(folder, "expected the program model.pte, found none")


@pytest.mark.parametrize("spec", [(2, "fp32"), (2, "fp16", "coreml")], ids=["pte", "mlpackage"])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_flipped_byte_in_a_program_is_found(tiny, tmp_path, spec, place):
    folder = Path(shutil.copytree(tiny.artifact(*spec), tmp_path / "artifact"))
    program = max((p for p in folder.rglob("*") if p.is_file() and p.name != CARD_FILE), key=_size)
    content = bytearray(program.read_bytes())
    content[round(place * (len(content) - 1))] ^= 1
    program.write_bytes(content)
    assert_refused(folder, "expected the program that the card describes (sha256 ", "found another or")


def _size(path: Path) -> int:
    return path.stat().st_size


def test_a_package_is_hashed_with_the_names_and_the_borders_of_its_files(tmp_path):
    def package(name: str, files: dict[str, str]) -> Path:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        return tmp_path / name

    hashes = [
        hash_program(package("first", {"a": "xy", "b/c": "z"})),
        hash_program(package("names", {"a": "xy", "b/d": "z"})),
        hash_program(package("borders", {"a": "x", "b/c": "yz"})),
        hash_program(package("more", {"a": "xy", "b/c": "z", "e": ""})),
    ]
    assert len({h.sha256 for h in hashes}) == 4
    assert {h.bytes for h in hashes} == {3}
    assert hash_program(package("same", {"b/c": "z", "a": "xy"})) == hashes[0]
