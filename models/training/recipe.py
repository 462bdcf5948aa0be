"""How to train: a frozen recipe, read from a TOML file."""

import json
import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from models.errors import RecipeError
from models.liif.network import LIIFConfig
from models.liif.objective import Distillation
from models.liif.patches import CLEAN, PatchSpec
from models.liif.scales import SCALES
from models.screens.sheets import ScreenSpec
from models.training.degradations import Degradation
from models.training.recipe_file import find_recipe_file

# Tables of a recipe file, and what each becomes.
PARTS: dict[str, type[Any]] = {
    "model": LIIFConfig,
    "patches": PatchSpec,
    "degradation": Degradation,
    "screen": ScreenSpec,
    "distillation": Distillation,
}


@dataclass(frozen=True)
class TrainingRecipe:
    """How to train a network. The defaults fine-tune the embedded weights on a CPU: small batches, many
    steps.

    ``start``: checkpoint to start from; ``model``: configuration of the network. At least one of both is
    given; with both, the network takes every weight of ``start`` that fits. ``teacher``: checkpoint to distil
    from. ``batch``: patches per step, over all processes. ``ema``: decay of the averaged weights.

    ``matrix_learning_rate``: learning rate of Muon for the weights of hidden layers, which learns from
    scratch in a fraction of Adam's steps; 0 trains all weights by Adam. Its schedule is that of
    ``learning_rate``. ``feature_limit``: the largest magnitude that values of the encoder's trunk should
    have, so that int8 has fine steps for them; 0 for no limit.

    ``screen``: what drawn samples show; None draws text and icons in one font. ``held_out``: how many
    pictures are measured on, at each of ``scales``, and never trained on. ``report_every``: steps between
    reports, at which the state is saved. ``int8``: quantisation-aware training, which ``liif-edge train``
    alone runs, because it needs the exporters.
    """

    steps: int
    start: Path | None = None
    teacher: Path | None = None
    model: LIIFConfig | None = None
    patches: PatchSpec = field(default_factory=PatchSpec)
    degradation: Degradation = CLEAN
    screen: ScreenSpec | None = None
    distillation: Distillation = field(default_factory=Distillation)
    batch: int = 4
    learning_rate: float = 1e-4
    final_learning_rate: float = 1e-6
    matrix_learning_rate: float = 0.0
    warmup: int = 100
    feature_limit: float = 0.0
    ema: float = 0.999
    bf16: bool = True
    int8: bool = False
    workers: int = 0
    seed: int = 0
    held_out: int = 8
    scales: tuple[int, ...] = (2, 3, 4)
    report_every: int = 100
    validate_every: int = 1000

    def __post_init__(self) -> None:
        if self.start is None and self.model is None:
            raise RecipeError("expected start (a checkpoint), model (a table) or both, found neither")
        for name in ("steps", "batch", "held_out", "report_every", "validate_every"):
            if getattr(self, name) < 1:
                raise RecipeError(f"expected {name} of at least 1, found {getattr(self, name)}")
        if not 0 <= self.final_learning_rate <= self.learning_rate <= 1:
            raise RecipeError(
                "expected 0 <= final_learning_rate <= learning_rate <= 1, found "
                f"{self.final_learning_rate:g} and {self.learning_rate:g}"
            )
        if not 0 <= self.matrix_learning_rate <= 1:
            raise RecipeError(
                f"expected a matrix_learning_rate from 0 to 1, found {self.matrix_learning_rate:g}"
            )
        if not 0 <= self.feature_limit < float("inf"):
            raise RecipeError(f"expected a feature_limit of 0 or more, found {self.feature_limit:g}")
        if self.int8 and self.feature_limit:
            raise RecipeError(f"expected no feature_limit in an int8 recipe, found {self.feature_limit:g}")
        if not 0 <= self.ema < 1:
            raise RecipeError(f"expected ema from 0 to below 1, found {self.ema:g}")
        if not 0 <= self.warmup < self.steps:
            raise RecipeError(f"expected a warmup of less than {self.steps} steps, found {self.warmup}")
        if self.workers < 0:
            raise RecipeError(f"expected workers of 0 or more, found {self.workers}")
        if not self.scales or set(self.scales) - set(SCALES):
            raise RecipeError(f"expected scales of 2, 3 or 4, found {self.scales}")

    def to_json(self) -> str:
        """One line of JSON that is equal for two recipes which train the same."""
        table = asdict(self)
        if not self.degradation.share:  # nothing is degraded, whatever else the table says
            del table["degradation"]
        if self.screen is None:
            del table["screen"]
        if not self.patches.colour_share:
            del table["patches"]["colour_share"]
        for name in ("matrix_learning_rate", "feature_limit"):
            if not table[name]:
                del table[name]
        return json.dumps(table, sort_keys=True, default=str)


def find_recipe(name: str) -> TrainingRecipe:
    """The recipe in the file that ``find_recipe_file`` finds. Raises RecipeError."""
    return read_recipe(find_recipe_file(name))


def read_recipe(path: Path) -> TrainingRecipe:
    """The recipe in ``path``: TOML with the fields of ``TrainingRecipe``, and a table for each part.

    Checkpoints and the folder of fonts are named relative to the file. Raises RecipeError for a file that is
    none, unknown names, values of another type and values that cannot be followed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path}: expected a recipe in TOML, found {error}") from error
    try:
        for name, part in PARTS.items():
            if name in table:
                arguments = _checked(part, table[name], name)
                if "fonts" in arguments:
                    arguments["fonts"] = path.parent / arguments["fonts"]
                table[name] = part(**arguments)
        checked = _checked(TrainingRecipe, table, "the recipe")
        for name in ("start", "teacher"):
            if name in checked:
                checked[name] = path.parent / checked[name]
        return TrainingRecipe(**checked)
    except ValueError as error:  # every part raises a kind of it
        raise RecipeError(f"{path}: {error}") from error


def _checked(kind: type[Any], table: Any, where: str) -> dict[str, Any]:
    """``table`` as arguments of the dataclass ``kind``: known names, no needed one left out, values of their
    types, no lists."""
    hints = get_type_hints(kind)
    if not isinstance(table, dict):
        raise RecipeError(f"{where}: expected a table, found {table!r}")
    unknown = sorted(table.keys() - hints.keys())
    if unknown:
        raise RecipeError(f"{where}: expected names of {', '.join(hints)}, found {', '.join(unknown)}")
    for needed in fields(kind):
        if needed.default is needed.default_factory is MISSING and needed.name not in table:
            raise RecipeError(f"{where}: expected {needed.name}, found none")
    return {name: _value(value, hints[name], f"{where}: {name}") for name, value in table.items()}


def _value(value: Any, hint: Any, where: str) -> Any:
    accepted = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if isinstance(value, list) and any(get_origin(kind) is tuple for kind in accepted):
        value = tuple(value)
        if all(type(item) is int for item in value):
            return value
    if isinstance(value, str) and Path in accepted:
        return Path(value)
    if type(value) is int and float in accepted:
        return float(value)
    if type(value) in accepted:
        return value
    names = " or ".join(getattr(kind, "__name__", str(kind)) for kind in accepted if kind is not NoneType)
    raise RecipeError(f"{where}: expected {names}, found {value!r}")
