"""Which file a recipe is in; found without PyTorch."""

from pathlib import Path

from models.errors import RecipeError

# Recipes that come with the package.
RECIPES = Path(__file__).parents[1] / "recipes"


def find_recipe_file(name: str) -> Path:
    """The file ``name``, or that of the recipe of that name in ``RECIPES``. Raises RecipeError."""
    path = Path(name) if Path(name).exists() else RECIPES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
        raise RecipeError(f"expected a recipe file or one of {known}, found {name!r}")
    return path
