"""A build makes artifacts that are measured against fp32, or none."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from edge.card import CARD_FILE
from edge.card_reader import read_card
from edge.check.built_in import measure, measure_patterns
from edge.check.comparison import Comparison
from edge.errors import BadInput, ExportError, OutputExists
from edge.pipeline import build, build_artifact
from edge.recipe import DEFAULT_TILE, ArtifactSpec, Recipe
from edge.run.artifact import Artifact
from edge.super_resolution import SuperResolution, build_of, count_macs
from models import LIIF, CheckpointError, LIIFConfig, checkpoint_hash
from models.liif.coordinates import well_posed
from models.liif.reference import fp32_picture

ROOT = Path(__file__).parents[2]


class Crooked(LIIF):
    """Its reference form is brighter than what is exported of it."""

    def forward(self, lr: Tensor, size: tuple[int, int], chunk: int = 30_000) -> Tensor:
        return super().forward(lr, size, chunk) + 0.01


def seeded(kind: type[LIIF] = LIIF) -> LIIF:
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16,), local_ensemble=False)
    return kind(config).eval()


@pytest.mark.parametrize(
    ("spec", "least"),
    [
        ((2, "fp32"), 100),
        ((2, "int8"), 42),
        (("any", "fp32"), 100),
        (("any", "int8"), 42),
        ((2, "fp16", "coreml"), 55),
        (("any", "fp16", "coreml"), 55),
        ((2, "int8", "coreml"), 42),
        (("any", "int8", "coreml"), 42),
        ((2, "palette6", "coreml"), 50),
        (("any", "palette4", "coreml"), 40),
        ((2, "fp16", "coreml-pte"), 55),
        ((2, "int8", "coreml-pte"), 42),
        (("any", "fp32", "coreml-pte"), 100),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_every_artifact_says_how_far_from_fp32_it_was_measured(tiny, spec, least):
    card = read_card(tiny.artifact(*spec))
    assert card.name == tiny.artifact(*spec).name
    assert card.measured.psnr_db >= least
    assert 0 < card.measured.max_abs < 0.2
    assert card.measured.on == "drawn screen, photograph, pure colours"
    assert 0 <= card.measured.worst_flat <= card.measured.worst_block <= 3
    assert card.checkpoint.sha256 == checkpoint_hash(tiny.model)
    assert card.checkpoint.parameters == sum(p.numel() for p in tiny.model.parameters())
    assert card.versions["executorch"] == version("executorch")


def test_what_the_card_says_is_what_a_measurement_finds(tiny):
    card = read_card(tiny.artifact(2, "int8"))
    result = measure(Artifact.open(tiny.artifact(2, "int8")), tiny.model)
    assert result.passed
    assert result.overall.psnr_db == pytest.approx(card.measured.psnr_db, abs=0.01)
    assert result.overall.max_abs == card.measured.max_abs
    patterns = measure_patterns(Artifact.open(tiny.artifact(2, "int8")), tiny.model)
    assert patterns.worst_block == pytest.approx(card.measured.worst_pattern, abs=0.001)


def test_a_build_warns_of_patterns_that_int8_does_not_hold(monkeypatch, tmp_path):
    off, told = Comparison("fine patterns", 20.0, 0.9, 1.0, worst_block=47.9), []
    monkeypatch.setattr("edge.super_resolution.measure_patterns", lambda _artifact, _model: off)
    spec = ArtifactSpec(2, "int8")
    made = build_of(seeded(), Recipe((spec,)), spec)
    folder = build_artifact(made, tmp_path / spec.name, log=told.append)
    assert read_card(folder).measured.worst_pattern == 47.9
    (warning,) = [line for line in told if "off by" in line]
    assert "liif-x2-int8-xnnpack: checks and stripes of single pixels" in warning
    assert "off by up to 47.9 of 255 (more than 3)" in warning


def test_the_card_has_the_tiles_of_the_recipe(tiny):
    pte, package = (
        read_card(tiny.artifact(2, "fp32")).tile,
        read_card(tiny.artifact(2, "fp16", "coreml")).tile,
    )
    assert (pte.maximum, pte.default, pte.halo, pte.full_halo, pte.fixed) == (64, 32, 4, 6, None)
    assert (package.maximum, package.default, package.fixed) == (32, 32, 32)
    assert read_card(tiny.artifact(2, "fp16", "coreml-pte")).tile == package


def test_doors_of_a_core_ml_program_have_numbers_for_sizes_and_those_of_a_pte_names(tiny):
    (pte,), (package,) = (read_card(tiny.artifact(*s)).methods for s in [(2, "fp32"), (2, "fp16", "coreml")])
    assert (pte.inputs[0].shape, pte.output.shape) == ([1, 3, "h", "w"], [1, 3, "2*h", "2*w"])
    assert package.inputs[0].shape == [1, 3, 32, 32]
    assert package.output.shape == [1, 3, 64, 64]


def test_a_network_with_one_flipped_weight_is_another_network(tiny):
    other = LIIF(tiny.model.config).eval()
    other.load_state_dict(tiny.model.state_dict())
    with torch.no_grad():
        other.encoder.body[0].body[0].weight[0, 0, 1, 1] *= -1
    result = measure(Artifact.open(tiny.artifact(2, "fp32")), other)
    assert not result.passed
    assert len(result.failures) >= 2
    assert measure(Artifact.open(tiny.artifact(2, "fp32")), tiny.model).passed


def test_a_program_that_computes_something_else_is_not_kept(tmp_path):
    spec = ArtifactSpec("any", "fp32")
    recipe = Recipe((spec,), tile=32, max_tile=64)
    with pytest.raises(ExportError, match="liif-any-fp32-xnnpack differs from fp32: drawn screen: expected"):
        build_artifact(build_of(seeded(Crooked), recipe, spec), tmp_path / "artifact")
    assert list(tmp_path.iterdir()) == []
    assert ExportError.exit_code == 1


def test_an_any_scale_package_builds_with_the_tile_of_a_recipe_that_names_none(tiny, tmp_path):
    spec = ArtifactSpec("any", "fp16", "coreml")
    recipe = Recipe((spec,), tiny.checkpoint)
    folder = build_artifact(build_of(tiny.model, recipe, spec), tmp_path / spec.name)
    assert read_card(folder).tile.fixed == DEFAULT_TILE


def test_a_build_puts_every_artifact_of_its_recipe_under_its_name(tiny, tmp_path):
    notes: list[str] = []
    recipe = tiny.recipe(ArtifactSpec("any", "fp32"))
    folders = build(recipe, tmp_path / "dist", log=notes.append)
    assert folders == [tmp_path / "dist" / "liif-any-fp32-xnnpack"]
    assert sorted(p.name for p in folders[0].iterdir()) == [CARD_FILE, "model.pte"]
    assert list((tmp_path / "dist").iterdir()) == folders
    assert "building" in notes[0]
    assert "dB from fp32" in notes[-1] and str(folders[0]) in notes[-1]
    before = json.loads((tiny.artifact("any", "fp32") / CARD_FILE).read_text())
    assert json.loads((folders[0] / CARD_FILE).read_text()) == before


def test_an_existing_folder_is_refused_before_the_work(tiny, tmp_path):
    spec = ArtifactSpec(2, "fp32")
    (tmp_path / spec.name).mkdir()
    with pytest.raises(OutputExists):
        build(tiny.recipe(spec), tmp_path)
    with pytest.raises(OutputExists, match="expected an artifact to replace"):
        build(tiny.recipe(spec), tmp_path, force=True)
    assert [p.name for p in tmp_path.rglob("*")] == [spec.name]


def test_a_file_that_is_no_checkpoint_is_refused_before_the_work(tmp_path):
    (tmp_path / "a.pth").write_text("no")
    with pytest.raises(CheckpointError):
        build(Recipe((ArtifactSpec(2, "fp32"),), tmp_path / "a.pth"), tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_a_bad_calibration_folder_leaves_nothing(tiny, tmp_path):
    recipe = Recipe((ArtifactSpec(2, "int8"),), tiny.checkpoint, calibration=tmp_path / "gone")
    with pytest.raises(BadInput, match="expected a folder of pictures"):
        build(recipe, tmp_path / "dist")
    assert list((tmp_path / "dist").iterdir()) == []


@pytest.mark.parametrize("size", [(12, 16), (18, 24), (24, 32), (15, 20), (12, 17), (6, 8)])
def test_the_fp32_picture_is_the_reference_at_every_size(tiny, size):
    lr = np.random.default_rng(0).random((3, 6, 8), np.float32)
    with torch.no_grad():
        reference = tiny.model(torch.from_numpy(lr)[None], size)[0].numpy()
    rows, columns = well_posed(6, size[0]), well_posed(8, size[1])
    difference = abs(fp32_picture(tiny.model, lr, size) - reference)[:, rows][..., columns]
    assert difference.max() < 1e-5


def test_multiplications_are_counted_per_output_pixel():
    torch.manual_seed(0)
    model = LIIF(LIIFConfig(n_feats=4, block_widths=(), hidden_widths=(8,), local_ensemble=False)).eval()
    head, tail, hoisted = 9 * 3 * 4, 9 * 4 * 4, 9 * 4 * 8
    per_lr_pixel = head + tail + hoisted + 4 * 8 * 3 + 12 * 12  # the blend brings four colours in order
    found = count_macs(SuperResolution(model).program("x2", 64, 64), 2)
    assert found == round(per_lr_pixel / 4)


def test_build_py_is_the_build_command(tmp_path):
    command = [sys.executable, "build.py", "--checkpoint", str(tmp_path / "gone.pth"), "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("liif-edge: ") and "expected a checkpoint file" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
