import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from models import LIIF, LIIFConfig, checkpoint_hash, load_checkpoint, save_checkpoint
from models.errors import DataError, RecipeError, TrainingError
from models.liif.patches import PatchSpec
from models.picture_files import picture_files, split_pictures
from models.training.loop import (
    average,
    describe_report,
    learning_rate,
    new_student,
    train,
    training,
)
from models.training.recipe import TrainingRecipe

ROOT = Path(__file__).parents[3]
NET = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16,))
RECIPE = TrainingRecipe(
    steps=6,
    model=NET,
    patches=PatchSpec(patch=8),
    batch=2,
    warmup=2,
    held_out=2,
    scales=(2,),
    report_every=2,
    validate_every=4,
)
# The same, as a file has it.
TEXT = """
steps = 6
batch = 2
warmup = 2
held_out = 2
scales = [2]
report_every = 2
validate_every = 4
[model]
n_feats = 8
block_widths = [8]
hidden_widths = [16]
[patches]
patch = 8
"""


def trained(run: Path) -> str:
    return checkpoint_hash(load_checkpoint(run / "model.safetensors"))


def log_of(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory):
    """A run from start to end."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    train(RECIPE, pictures, run, device="cpu")
    return run


def test_training_makes_pictures_better(pictures, tmp_path):
    recipe = replace(RECIPE, steps=150, learning_rate=3e-3, report_every=50, validate_every=50, ema=0.9)
    train(recipe, pictures, tmp_path / "run", device="cpu")
    reports = log_of(tmp_path / "run")
    assert reports[-1]["psnr_x2"] > reports[0]["psnr_x2"] + 0.5


def test_features_beyond_the_recipes_limit_add_to_the_loss(pictures, finished, tmp_path):
    train(replace(RECIPE, feature_limit=0.01), pictures, tmp_path / "run", device="cpu")
    limited, free = (log_of(run)[0]["loss"] for run in (tmp_path / "run", finished))
    assert limited > free + 0.001


@pytest.mark.parametrize("matrix_learning_rate", [0, 0.01])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(pictures, tmp_path, matrix_learning_rate):
    recipe = replace(RECIPE, matrix_learning_rate=matrix_learning_rate)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(recipe, pictures, whole, device="cpu")
    for report in training(recipe, pictures, stopped, device="cpu"):
        if report["step"] == 4:
            break
    assert trained(stopped) != trained(whole)
    train(recipe, pictures, stopped, device="cpu")
    assert trained(stopped) == trained(whole)


def test_a_killed_run_goes_on_where_it_was(pictures, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(TEXT.replace("steps = 6", "steps = 100000"))
    command = [
        sys.executable,
        "-m",
        "models",
        str(recipe),
        "--data",
        str(pictures),
        "--out",
        str(tmp_path / "run"),
    ]
    reached = []
    for _ in range(2):
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert process.stdout is not None
        for _ in range(3):
            reached.append(int(process.stdout.readline().split()[1]))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert reached == sorted(reached)
    assert reached[3] > reached[0]
    load_checkpoint(tmp_path / "run" / "model.safetensors")


def test_a_finished_run_is_left_as_it_is(pictures, finished):
    before = trained(finished), (finished / "log.jsonl").read_text()
    assert train(RECIPE, pictures, finished, device="cpu") == finished / "model.safetensors"
    assert (trained(finished), (finished / "log.jsonl").read_text()) == before


def test_the_log_has_a_line_per_report_and_the_score_now_and_then(finished):
    assert [line["step"] for line in log_of(finished)] == [2, 4, 6]
    assert ["psnr_x2" in line for line in log_of(finished)] == [False, True, True]


def test_another_recipe_does_not_go_on_with_the_run(pictures, finished):
    with pytest.raises(RecipeError, match="one that differs in batch, seed"):
        train(replace(RECIPE, seed=1, batch=4), pictures, finished, device="cpu")


def test_a_damaged_state_is_named(pictures, tmp_path):
    (tmp_path / "state.pt").write_bytes(b"no state")
    with pytest.raises(RecipeError, match=r"state\.pt: expected the state of a run"):
        train(RECIPE, pictures, tmp_path, device="cpu")


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_saved(pictures, tmp_path):
    start = LIIF(NET)
    with torch.no_grad():
        start.encoder.head[0].weight.fill_(1e38)
    save_checkpoint(start, tmp_path / "huge.safetensors")
    with pytest.raises(TrainingError, match="expected a finite loss, found nan by step 2"):
        train(replace(RECIPE, start=tmp_path / "huge.safetensors"), pictures, tmp_path / "run", device="cpu")
    assert list((tmp_path / "run").iterdir()) == []


def test_two_processes_train_what_one_would(pictures, finished, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(TEXT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "models", str(recipe), "--data", str(pictures), "--out", str(tmp_path / "run")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    one, two = (
        load_checkpoint(run / "model.safetensors").state_dict() for run in (finished, tmp_path / "run")
    )
    # The mean of two halves is the mean of the whole, up to rounding.
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)
    assert len(log_of(tmp_path / "run")) == 3


def test_weights_that_fit_are_taken_from_the_start(tmp_path):
    source = LIIF(NET)
    save_checkpoint(source, tmp_path / "source.safetensors")
    narrower = replace(NET, hidden_widths=(4,), local_ensemble=False)
    student = new_student(replace(RECIPE, model=narrower, start=tmp_path / "source.safetensors"))
    assert student.config == narrower
    assert torch.equal(student.encoder.head[0].weight, source.encoder.head[0].weight)
    same = new_student(replace(RECIPE, model=None, start=tmp_path / "source.safetensors"))
    assert checkpoint_hash(same) == checkpoint_hash(source)


def test_the_learning_rate_warms_up_and_falls_as_a_cosine():
    recipe = replace(RECIPE, steps=100, warmup=10, learning_rate=1.0, final_learning_rate=0.0)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert rates[-1] < 0.001


def test_the_average_forgets_where_it_began():
    averaged, current = [torch.zeros(1)], [torch.ones(1)]
    for n in range(200):
        average(0.999, averaged, current, torch.tensor(n))
    assert float(averaged[0]) > 0.99  # a constant decay would have reached 0.18


def test_held_out_pictures_are_never_trained_on(pictures):
    files = picture_files(pictures)
    train_on, measure_on = split_pictures(files, 2)
    assert len(measure_on) == 2
    assert sorted([*train_on, *measure_on]) == files
    with pytest.raises(RecipeError, match="found 6"):
        split_pictures(files, 6)


def test_training_takes_the_pictures_that_builds_and_studies_take(tmp_path):
    """The TIFF and the GIF, and nothing below the folder."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.tif", "b.GIF", "c.png", "deeper/d.png"):
        Image.new("RGB", (40, 40)).save(folder / name)
    with pytest.raises(RecipeError, match="expected to hold out 1 to 2 of 3 pictures, found 9"):
        train(replace(RECIPE, held_out=9), folder, tmp_path / "run", device="cpu")


def test_a_report_reads_as_a_sentence():
    report = {"step": 4.0, "loss": 0.0123, "seconds": 60.0, "psnr_x2": 33.25}
    assert (
        describe_report(report, RECIPE) == "step 4 of 6: loss 0.01230, 60.00 s each, 2 min left; ×2 33.25 dB"
    )


def test_bad_pictures_and_devices_are_refused(tmp_path, pictures):
    with pytest.raises(DataError, match="found nothing there"):
        train(RECIPE, tmp_path / "absent", tmp_path / "run", device="cpu")
    with pytest.raises(RecipeError, match="a device that is there, found 'tpu'"):
        train(RECIPE, pictures, tmp_path / "run", device="tpu")
    with pytest.raises(RecipeError, match="expected a float recipe"):
        train(replace(RECIPE, int8=True), pictures, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
