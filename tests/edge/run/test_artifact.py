"""An opened artifact computes what the network does, and refuses what it cannot compute."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.card import CARD_FILE, hash_program
from edge.card_reader import read_card
from edge.errors import BadArtifact, BadInput, OutputExists
from edge.images.metrics import psnr
from edge.images.pixels import to_float
from edge.run.artifact import Artifact, new_artifact
from models import FixedScaleLIIF
from models.drawings import draw_sheet
from models.liif.coordinates import well_posed

SHAPES = [(1, 1), (1, 9), (9, 1), (7, 12), (33, 20), (64, 64)]

# A program rounds like its fake-quantised graph but for ties, so it is nearer to it than one step of
# 8 bits; the program that loads and lies, by shared biases, is at 45 dB.
SAME_QUANTISATION = 55.0  # dB


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, height, width), np.float32)


def drawn(height: int, width: int) -> np.ndarray:
    return to_float(np.ascontiguousarray(draw_sheet(height, width, 11).transpose(2, 0, 1)[None]))


def by(module: torch.nn.Module, *inputs: object) -> np.ndarray:
    with torch.no_grad():
        tensors = [torch.from_numpy(i) if isinstance(i, np.ndarray) else i for i in inputs]
        return module(*tensors).numpy()


def largest_difference(sr: np.ndarray, reference: np.ndarray, lr_size: tuple[int, int]) -> float:
    """Where the reference form divides nothing by nothing."""
    rows, columns = (well_posed(n_in, n_out) for n_in, n_out in zip(lr_size, sr.shape[2:], strict=True))
    return float(abs(sr - reference)[:, :, rows][..., columns].max())


def sizes(shape: tuple[int, int]) -> str:
    return f"{shape[0]}x{shape[1]}"


@pytest.mark.parametrize("shape", SHAPES, ids=sizes)
def test_an_fp32_artifact_is_the_network_on_tiles_of_any_shape(tiny, shape):
    artifact, tile = Artifact.open(tiny.artifact(2, "fp32")), noise(*shape)
    sr = artifact(tile)
    assert sr.dtype == np.float32
    assert sr.shape == (1, 3, 2 * shape[0], 2 * shape[1])
    assert abs(sr - by(tiny.model, tile, (2 * shape[0], 2 * shape[1]))).max() <= 1e-5


def test_an_artifact_opens_by_a_path_in_text_and_says_what_it_is(tiny):
    artifact = Artifact.open(str(tiny.artifact(2, "fp32")))
    assert (artifact.card.scale, artifact.card.precision) == (2, "fp32")


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (7, 12), (37, 53), (64, 64)], ids=sizes)
def test_an_int8_artifact_is_its_fake_quantised_graph_on_tiles_of_any_shape(tiny, shape):
    artifact, tile = Artifact.open(tiny.artifact(2, "int8")), drawn(*shape)
    graph = by(tiny.fake_quantised(2)["forward"], tile)
    assert psnr(artifact(tile), graph) >= SAME_QUANTISATION
    assert graph.std() > 0.02 or shape == (1, 1)


def test_an_int8_artifact_is_not_the_network_itself(tiny):
    tile = drawn(40, 40)
    sr = Artifact.open(tiny.artifact(2, "int8"))(tile)
    assert 42 < psnr(sr, by(FixedScaleLIIF(tiny.model, 2), tile)) < 80


def test_an_int8_encoder_and_decoder_are_their_fake_quantised_graphs(tiny):
    artifact, graphs = Artifact.open(tiny.artifact("any", "int8")), tiny.fake_quantised("any")
    tile = drawn(37, 29)
    encoded = by(graphs["encode"], tile)
    peak = float(np.ptp(encoded))
    assert psnr(artifact.encode(tile), encoded, peak) >= SAME_QUANTISATION
    sr = artifact(tile, (75, 60))
    assert psnr(sr, by(tiny.model, tile, (75, 60))) > 42


@pytest.mark.parametrize("size", [(1, 1), (11, 19), (15, 26), (29, 51), (63, 100)], ids=sizes)
def test_an_any_scale_artifact_is_the_reference_form_at_fractional_sizes(tiny, size):
    artifact, tile = Artifact.open(tiny.artifact("any", "fp32")), noise(11, 19)
    sr = artifact(tile, size)
    assert sr.shape == (1, 3, *size)
    assert largest_difference(sr, by(tiny.model, tile, size), (11, 19)) <= 1e-5


def test_targets_of_more_rows_than_one_call_takes_are_decoded_in_several(tiny):
    artifact, tile = Artifact.open(tiny.artifact("any", "fp32")), noise(9, 8)
    size = (131, 137)
    assert 4 * size[0] * size[1] > artifact.card.decoding.max_rows
    assert largest_difference(artifact(tile, size), by(tiny.model, tile, size), (9, 8)) <= 1e-5


@pytest.mark.parametrize(("scale", "size"), [(2, (64, 64)), ("any", (75, 43))])
def test_a_core_ml_artifact_is_the_network_in_half_precision(tiny, scale, size):
    artifact, tile = Artifact.open(tiny.artifact(scale, "fp16", "coreml")), drawn(32, 32)
    sr = artifact(tile, size)
    assert sr.shape == (1, 3, *size)
    assert abs(sr - by(tiny.model, tile, size)).max() < 2e-3


@pytest.mark.parametrize(
    "tile",
    [
        np.zeros((1, 3, 8, 8), np.float64),
        np.zeros((1, 3, 8, 8), np.uint8),
        np.zeros((3, 8, 8), np.float32),
        np.zeros((2, 3, 8, 8), np.float32),
        np.zeros((1, 1, 8, 8), np.float32),
        np.zeros((1, 8, 8, 3), np.float32),
        np.zeros((1, 3, 0, 8), np.float32),
    ],
    ids=lambda tile: f"{tile.dtype}-{tile.shape}",
)
def test_what_is_no_tile_is_refused_with_its_type_and_shape(tiny, tile):
    with pytest.raises(BadInput, match=r"expected a float32 tile \(1, 3, h, w\), found") as caught:
        Artifact.open(tiny.artifact(2, "fp32"))(tile)
    assert str(tile.dtype) in str(caught.value) and str(tile.shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(65, 1), (1, 65), (300, 300)], ids=sizes)
def test_a_tile_larger_than_the_program_takes_is_refused(tiny, shape):
    with pytest.raises(BadInput, match="expected tiles up to 64 pixels, found"):
        Artifact.open(tiny.artifact(2, "fp32"))(noise(*shape))


@pytest.mark.parametrize("shape", [(31, 32), (32, 33), (64, 64), (1, 1)], ids=sizes)
def test_a_core_ml_program_takes_one_size_and_no_other(tiny, shape):
    with pytest.raises(BadInput, match="expected a tile of 32x32 pixels, the only size that"):
        Artifact.open(tiny.artifact(2, "fp16", "coreml"))(noise(*shape))


def test_a_fixed_scale_artifact_makes_its_scale_and_no_other_size(tiny):
    artifact = Artifact.open(tiny.artifact(2, "fp32"))
    assert np.array_equal(artifact(noise(5, 6), (10, 12)), artifact(noise(5, 6)))
    with pytest.raises(BadInput, match=r"expected the target \(10, 12\) of a ×2 artifact, found \(15, 18\)"):
        artifact(noise(5, 6), (15, 18))


@pytest.mark.parametrize("size", [None, (0, 9), (9, -1)])
def test_an_any_scale_artifact_needs_a_size_with_pixels(tiny, size):
    with pytest.raises(BadInput, match="expected a target size"):
        Artifact.open(tiny.artifact("any", "fp32"))(noise(5, 6), size)


def test_two_calls_do_not_share_memory(tiny):
    artifact = Artifact.open(tiny.artifact(2, "fp32"))
    first = artifact(noise(6, 6))
    kept = first.copy()
    artifact(1 - noise(6, 6))
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_program_that_does_not_load_is_refused_even_if_its_hash_fits(tiny, tmp_path, keep):
    folder = tmp_path / "artifact"
    shutil.copytree(tiny.artifact(2, "fp32"), folder)
    program = folder / "model.pte"
    program.write_bytes(program.read_bytes()[:keep])
    card = read_card(tiny.artifact(2, "fp32"))
    card = card.model_copy(update={"programs": {"model.pte": hash_program(program)}})
    (folder / CARD_FILE).write_text(card.to_json())
    with pytest.raises(BadArtifact, match=r"model\.pte: "):
        Artifact.open(folder)(noise(4, 4))


def test_a_method_that_the_program_lacks_is_named(tiny):
    artifact = Artifact.open(tiny.artifact(2, "fp32"))
    with pytest.raises(BadArtifact, match="method encode does not load"):
        artifact.encode(noise(4, 4))


def test_any_loaded_program_can_be_called_through_an_artifact(tiny):
    class Doubler:
        def run(self, method: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
            assert method == "forward"
            return inputs["lr"].repeat(2, axis=2).repeat(2, axis=3)

    artifact = Artifact(read_card(tiny.artifact(2, "fp32")), Doubler())
    assert np.array_equal(artifact(noise(3, 4))[:, :, ::2, 1::2], noise(3, 4))


# Writing


def artifact_with(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / CARD_FILE).write_text(text)


def test_a_new_artifact_appears_whole_when_its_block_is_done(tmp_path):
    folder = tmp_path / "deep" / "artifact"
    with new_artifact(folder, force=False) as content:
        (content / "a").write_text("1")
        assert not folder.exists()
    assert (folder / "a").read_text() == "1"
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("force", [False, True])
def test_a_block_that_fails_leaves_nothing_new(tmp_path, error, force):
    folder = tmp_path / "artifact"
    if force:
        artifact_with(folder, "old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error), new_artifact(folder, force) as content:
        (content / CARD_FILE).write_text("half")
        raise error
    assert sorted(tmp_path.rglob("*")) == before
    assert not force or (folder / CARD_FILE).read_text() == "old"


def test_a_taken_path_is_refused_before_the_work(tmp_path):
    folder = tmp_path / "artifact"
    artifact_with(folder, "old")
    with pytest.raises(OutputExists, match="--force replaces it"), new_artifact(folder, force=False):
        pytest.fail("the block ran")
    assert (folder / CARD_FILE).read_text() == "old"


def test_force_replaces_an_artifact_at_the_end(tmp_path):
    folder = tmp_path / "artifact"
    artifact_with(folder, "old")
    (folder / "stale").write_text("")
    with new_artifact(folder, force=True) as content:
        (content / CARD_FILE).write_text("new")
        assert (folder / CARD_FILE).read_text() == "old"
    assert [path.name for path in folder.iterdir()] == [CARD_FILE]
    assert (folder / CARD_FILE).read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("force", [False, True])
def test_nothing_but_an_artifact_is_ever_replaced(tmp_path, force):
    folder, file = tmp_path / "photos", tmp_path / "file"
    folder.mkdir()
    (folder / "a.png").write_text("mine")
    file.write_text("mine")
    for path in (folder, file):
        with pytest.raises(OutputExists), new_artifact(path, force):
            pytest.fail("the block ran")
    assert (folder / "a.png").read_text() == file.read_text() == "mine"


def test_a_place_that_cannot_hold_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BadInput, match="expected a place to write to, found"),
        new_artifact(tmp_path / "file" / "artifact", force=False),
    ):
        pytest.fail("the block ran")
