from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from edge.cli.main import main, parser
from edge.compress.qat import objective_of
from models import DEFAULT_WEIGHTS, EMBEDDED, LIIF, LIIFConfig, load_checkpoint, save_checkpoint
from models.drawings import draw_sheet
from models.errors import RecipeError
from models.liif.cost import count_macs, count_parameters
from models.liif.patches import PatchSpec
from models.training.recipe import TrainingRecipe, find_recipe

RECIPE = TrainingRecipe(steps=200, start=DEFAULT_WEIGHTS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(3):
        Image.fromarray(draw_sheet(96, 128, seed)).save(folder / f"{seed}.png")
    return folder


def written(tmp_path, checkpoint, extra=""):
    path = tmp_path / "short.toml"
    path.write_text(
        f'steps = 2\nwarmup = 1\nbatch = 2\nheld_out = 1\nscales = [2]\nstart = "{checkpoint}"\n{extra}'
    )
    return path


INT8 = (
    "int8 = true\nbf16 = false\n[patches]\npatch = 8\nmin_scale = 2\nmax_scale = 2\nshare_of_two = 0\n"
    "drawn_share = 1\nevery_pixel = true\n[distillation]\nfeatures = 0\n"
)


@pytest.mark.parametrize("extra", ["[patches]\npatch = 8\n", INT8], ids=["float", "int8"])
def test_train_makes_a_checkpoint_that_other_commands_take(tiny, tmp_path, pictures, capfd, extra):
    recipe = written(tmp_path, tiny.checkpoint, extra)
    run = tmp_path / "run"
    arguments = ["train", str(recipe), "--data", str(pictures), "--out", str(run), "--device", "cpu"]
    assert main([*arguments, "--teacher", str(tiny.checkpoint)]) == 0
    out, err = capfd.readouterr()
    assert f"{run / 'model.safetensors'}: a checkpoint" in out
    assert "step 2 of 2: loss" in err
    assert load_checkpoint(run / "model.safetensors").config == tiny.model.config


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("epochs = 3\n", "found epochs"),
        ("int8 = true\n", "expected patches with every_pixel and min_scale = max_scale = 2, 3 or 4"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_in_one_line(
    tiny, tmp_path, pictures, capfd, extra, message
):
    recipe = written(tmp_path, tiny.checkpoint, extra)
    arguments = ["train", str(recipe), "--data", str(pictures), "--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    err = capfd.readouterr().err
    assert message in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_is_a_failed_check(tiny, tmp_path, pictures, capfd):
    huge = LIIF(tiny.model.config)
    with torch.no_grad():
        huge.encoder.head[0].weight.fill_(1e38)
    save_checkpoint(huge, tmp_path / "huge.safetensors")
    recipe = written(tmp_path, tmp_path / "huge.safetensors")
    assert main(["train", str(recipe), "--data", str(pictures), "--out", str(tmp_path / "run")]) == 1
    assert "expected a finite loss, found nan by step 2" in capfd.readouterr().err


def test_float_recipes_need_no_exporter():
    assert objective_of(RECIPE, None) is None


def test_an_int8_recipe_is_for_one_whole_scale():
    half = PatchSpec(min_scale=2.5, max_scale=2.5, share_of_two=0.0, every_pixel=True)
    with pytest.raises(RecipeError, match=r"found 2\.5 to 2\.5, every_pixel = True"):
        objective_of(replace(RECIPE, int8=True, patches=half), None)
    assert objective_of(find_recipe("int8-x2"), None) is not None


def prune(tiny_wide, tmp_path, pictures, *options):
    output = tmp_path / "pruned.safetensors"
    arguments = ["--checkpoint", str(tiny_wide), "--data", str(pictures), "--batches", "2"]
    return main(["prune", str(output), *arguments, *options]), output


@pytest.fixture
def wide(tmp_path):
    path = tmp_path / "wide.safetensors"
    save_checkpoint(LIIF(LIIFConfig(n_feats=8, block_widths=(32, 32), hidden_widths=(32, 32))), path)
    return path


@pytest.mark.parametrize(
    ("budget", "count"), [("--macs", count_macs), ("--params", count_parameters)], ids=["macs", "params"]
)
def test_prune_keeps_the_share_that_was_asked_for(wide, tmp_path, pictures, capfd, budget, count):
    code, output = prune(wide, tmp_path, pictures, budget, "0.5", "--part", "encoder")
    assert code == 0
    before, after = (count(load_checkpoint(path).config) for path in (wide, output))
    assert 0.3 * before.encoder < after.encoder <= 0.5 * before.encoder
    assert after.decoder == before.decoder
    assert f"encoder: {after.encoder} of {before.encoder}" in capfd.readouterr().out


def test_prune_without_local_ensemble_keeps_the_weights_and_a_share_of_one_query(wide, tmp_path, pictures):
    code, output = prune(wide, tmp_path, pictures, "--macs", "0.9", "--no-local-ensemble")
    single = replace(load_checkpoint(wide).config, local_ensemble=False)
    config = load_checkpoint(output).config
    assert code == 0 and not config.local_ensemble
    assert 0.7 < count_macs(config).total / count_macs(single).total <= 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--macs", "0.01"], "all: expected a budget of at least"),
        (["--macs", "1"], "a share between 0 and 1 to keep, found 1"),
        (["--params", "nan"], "a share between 0 and 1 to keep, found nan"),
        (["--macs", "0.5", "--batches", "0"], "at least 1 batch, found 0"),
    ],
)
def test_prune_refuses_what_cannot_be_kept(wide, tmp_path, pictures, capfd, options, message):
    code, output = prune(wide, tmp_path, pictures, *options)
    err = capfd.readouterr().err
    assert code == 2 and message in err and err.count("\n") == 1
    assert not output.exists()


def test_prune_overwrites_only_by_force(wide, tmp_path, pictures, capfd):
    (tmp_path / "pruned.safetensors").write_bytes(b"mine")
    code, output = prune(wide, tmp_path, pictures, "--macs", "0.5")
    assert code == 2 and output.read_bytes() == b"mine"
    assert "--force" in capfd.readouterr().err
    assert prune(wide, tmp_path, pictures, "--macs", "0.5", "--force")[0] == 0


def test_prune_refuses_a_folder_that_is_missing_before_the_work(tmp_path, capfd):
    output = tmp_path / "gone" / "a.safetensors"
    absent = ["--checkpoint", "absent.pth", "--data", "absent"]
    assert main(["prune", str(output), "--macs", "0.5", *absent]) == 2
    assert f"expected {output.parent} to be a folder, found nothing there" in capfd.readouterr().err


def test_embedded_weights_are_known_by_name():
    parsed = parser().parse_args(
        ["prune", "out.safetensors", "--checkpoint", "fast", "--macs", "0.5", "--data", "x"]
    )
    assert parsed.checkpoint == EMBEDDED["fast"]
    assert parser().parse_args(["bench", "--checkpoint", "mine.pth"]).checkpoint == Path("mine.pth")
