from pathlib import Path

import pytest

from models import EMBEDDED
from models.errors import RecipeError
from models.screens.sheets import ScreenSpec
from models.training.recipe import TrainingRecipe, find_recipe, read_recipe
from models.training.recipe_file import RECIPES


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_recipe_has_every_part_of_its_file(tmp_path):
    recipe = read_recipe(
        written(
            tmp_path,
            'steps = 10\nstart = "a.pth"\nwarmup = 1\nlearning_rate = 1\n'
            "final_learning_rate = 0\nscales = [3]\n"
            "[model]\nhidden_widths = [8, 4]\nlocal_ensemble = false\n"
            "[patches]\nmax_scale = 3\n[distillation]\nfeatures = 0.25\n"
            '[screen]\nfonts = "fonts"\nnative = 0.5\n',
        )
    )
    assert (recipe.steps, recipe.learning_rate, recipe.scales) == (10, 1.0, (3,))
    assert recipe.start == tmp_path / "a.pth"  # beside the file, wherever the command runs
    assert recipe.model is not None
    assert (recipe.model.hidden_widths, recipe.model.local_ensemble) == ((8, 4), False)
    assert (recipe.patches.max_scale, recipe.distillation.features) == (3.0, 0.25)
    assert recipe.screen == ScreenSpec(tmp_path / "fonts", native=0.5)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.toml")))
def test_recipes_that_come_with_the_package_can_be_followed(name):
    recipe = find_recipe(name)
    embedded = [path.resolve() for path in EMBEDDED.values()]
    assert recipe.start is None or recipe.start.resolve() in embedded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = ", "expected a recipe in TOML"),
        ('start = "a"', "the recipe: expected steps, found none"),
        ("steps = 10", "expected start .* or both, found neither"),
        ('steps = 10\nstart = "a"\nsteps_ = 1', "the recipe: expected names of steps, .*, found steps_"),
        ('steps = "many"\nstart = "a"', "steps: expected int, found 'many'"),
        ('steps = true\nstart = "a"', "steps: expected int, found True"),
        ("steps = 10\nstart = 1", "start: expected Path, found 1"),
        ('steps = 10\nstart = "a"\nscales = [2.5]', r"scales: expected tuple.*, found \(2.5,\)"),
        ('steps = 10\nstart = "a"\nmodel = 3', "model: expected a table, found 3"),
        ('steps = 200\nstart = "a"\n[model]\nn_feats = 0', "whole sizes from 1"),
        ('steps = 200\nstart = "a"\n[patches]\npatch = 1', "4 to 256 LR pixels, found 1"),
        ('steps = 0\nstart = "a"', "steps of at least 1, found 0"),
        ('steps = 10\nstart = "a"', "warmup of less than 10 steps, found 100"),
        ('steps = 200\nstart = "a"\nmatrix_learning_rate = -1', "matrix_learning_rate from 0 to 1, found -1"),
        ('steps = 200\nstart = "a"\nlearning_rate = nan', "learning_rate <= 1, found 1e-06 and nan"),
        ('steps = 200\nstart = "a"\nfeature_limit = -1', "feature_limit of 0 or more, found -1"),
        ('steps = 200\nstart = "a"\nint8 = true\nfeature_limit = 1', "no feature_limit in an int8 recipe"),
        ('steps = 200\nstart = "a"\nema = 1.0', "ema from 0 to below 1, found 1"),
        ('steps = 200\nstart = "a"\nscales = [5]', r"scales of 2, 3 or 4, found \(5,\)"),
        ('steps = 200\nstart = "a"\n[screen]\nnative = 0.5', "screen: expected fonts, found none"),
        ('steps = 200\nstart = "a"\n[screen]\nfonts = "a"\nnative = 2', "native from 0 to 1, found 2"),
    ],
)
def test_a_recipe_that_cannot_be_followed_says_why_and_where(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(path)
    assert str(path) in str(caught.value)


def test_an_unknown_name_is_answered_with_those_that_are_known():
    with pytest.raises(RecipeError, match=r"a recipe file or one of .*distil.*, found 'best'"):
        find_recipe("best")


def test_recipes_that_differ_are_told_apart():
    one = TrainingRecipe(steps=200, start=Path("a"))
    assert one.to_json() == TrainingRecipe(steps=200, start=Path("a")).to_json()
    assert one.to_json() != TrainingRecipe(steps=201, start=Path("a")).to_json()
    screened = TrainingRecipe(steps=200, start=Path("a"), screen=ScreenSpec(Path("fonts")))
    assert screened.to_json() != one.to_json()
    assert "screen" not in one.to_json()  # runs from before there were screens go on
