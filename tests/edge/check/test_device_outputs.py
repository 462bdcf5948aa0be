"""A folder that a device wrote is compared like the device itself, and nothing in it is taken on trust."""

import json
from pathlib import Path

import numpy as np
import pytest
from bundles import make_bundle

from edge.card import Card
from edge.card_reader import read_card
from edge.check.baseline import Bundle
from edge.check.device_outputs import DEVICE_FILE, LIST_FILE, export_inputs, read_outputs
from edge.check.probes import compare_outputs
from edge.errors import BadInput, OutputExists
from edge.images.image_file import read_image, write_image
from edge.images.pictures import baseline_pictures
from edge.precisions import NUMERICS


@pytest.fixture(scope="module")
def bundle(tiny) -> Bundle:
    return make_bundle(tiny.model, baseline_pictures(None, 16), 2.0)


@pytest.fixture(scope="module")
def card(tiny) -> Card:
    return read_card(tiny.artifact(2, "fp32"))


@pytest.fixture
def folder(bundle, tmp_path) -> Path:
    """What a faultless device in fp32 leaves."""
    folder = tmp_path / "device"
    export_inputs(bundle, folder)
    for number, tile in enumerate(bundle.tiles):
        np.save(folder / f"{number}-sr.npy", tile.sr)
    (folder / DEVICE_FILE).write_text('{"device": "a phone", "app": "1.2"}')
    return folder


def test_the_inputs_are_exported_to_the_bit_as_arrays_and_as_pictures(bundle, folder):
    listed = json.loads((folder / LIST_FILE).read_text())["tiles"]
    assert [tile["name"] for tile in listed] == list(bundle.provenance.names)
    for stated, tile in zip(listed, bundle.tiles, strict=True):
        assert np.array_equal(np.load(folder / stated["npy"]), tile.lr)
        assert np.array_equal(read_image(folder / stated["png"]).rgb, tile.lr)
        assert stated["output_shape"] == list(tile.sr.shape)


def test_nothing_is_exported_over_what_exists(bundle, folder, tmp_path):
    with pytest.raises(OutputExists, match="expected a new folder"):
        export_inputs(bundle, folder)
    with pytest.raises(BadInput, match="to be a folder"):
        export_inputs(bundle, tmp_path / "no" / "where")


def test_a_picture_between_the_8_bit_steps_is_not_exported(tiny, tmp_path):
    bundle = make_bundle(tiny.model, [("between", np.full((3, 16, 16), 0.5, np.float32))], 2.0)
    with pytest.raises(BadInput, match="8 bits"):
        export_inputs(bundle, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_faultless_device_passes(bundle, card, folder):
    outputs = read_outputs(folder, bundle, card)
    assert (outputs.about, outputs.eight_bit) == ({"device": "a phone", "app": "1.2"}, False)
    result = compare_outputs(outputs, bundle, card.precision)
    assert result.passed
    assert [probe.probe for probe in result.probes] == ["tile"]
    assert result.tiles.threshold == NUMERICS["fp32"].threshold


def test_arrays_with_a_batch_axis_and_other_probes_are_taken(bundle, card, folder):
    for number, tile in enumerate(bundle.tiles):
        np.save(folder / f"{number}-sr.npy", tile.sr[None])
        np.save(folder / f"{number}-features.npy", tile.features[None])
        np.save(folder / f"{number}-colours.npy", tile.colours[:, ::-1])
    result = compare_outputs(read_outputs(folder, bundle, card), bundle, card.precision)
    assert [probe.probe for probe in result.probes] == ["features", "colours", "tile"]
    assert result.first_failure.probe == "colours"


def test_a_probe_that_lacks_a_tile_is_left_out(bundle, card, folder):
    np.save(folder / "0-features.npy", bundle.tiles[0].features)
    assert list(read_outputs(folder, bundle, card).probes) == ["tile"]


def test_pictures_of_8_bits_are_granted_their_rounding_and_no_more(bundle, card, folder):
    for number, tile in enumerate(bundle.tiles):
        (folder / f"{number}-sr.npy").unlink()
        write_image(folder / f"{number}-sr.png", tile.sr)
    outputs = read_outputs(folder, bundle, card)
    assert outputs.eight_bit
    assert compare_outputs(outputs, bundle, card.precision).passed
    darker = np.clip(bundle.tiles[0].sr - 2 / 255, 0, 1).astype(np.float32)
    write_image(folder / "0-sr.png", darker)
    result = compare_outputs(read_outputs(folder, bundle, card), bundle, card.precision)
    assert result.first_failure.worst.name == bundle.tiles[0].name


OTHER_PROGRAM = b'{"device": "x", "program_sha256": "0123456789abcdef"}'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("0-sr.npy", None, "expected 0-sr.npy or 0-sr.png, found neither"),
        ("0-sr.npy", b"no array", "expected a NumPy array"),
        ("0-sr.npy", np.zeros((3, 5, 5), np.float32), r"32, 32\), found float32 \(3, 5, 5\)"),
        ("0-sr.npy", np.zeros((3, 32, 32)), "found float64"),
        (DEVICE_FILE, None, "expected JSON that names the device"),
        (DEVICE_FILE, b"[]", "expected {.device"),
        (DEVICE_FILE, OTHER_PROGRAM, "found those of program 0123456789ab"),
    ],
)
def test_what_is_missing_or_wrong_is_said(bundle, card, folder, name, content, words):
    path = folder / name
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    with pytest.raises(BadInput, match=words):
        read_outputs(folder, bundle, card)


def test_outputs_that_name_the_artifacts_own_program_are_taken(bundle, card, folder):
    sha256 = card.programs["model.pte"].sha256
    (folder / DEVICE_FILE).write_text(json.dumps({"device": "x", "program_sha256": sha256}))
    assert read_outputs(folder, bundle, card).about["program_sha256"] == sha256
