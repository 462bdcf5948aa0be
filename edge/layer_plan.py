"""The width of every layer of a program: a small JSON file, and how one is chosen for a budget."""

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.card import Precision
from edge.errors import BadInput

Width = Literal["float", "int8", "palette8", "palette6", "palette4", "palette3"]

# By precision: what a plan's layers can be, the width of those that it does not name first.
WIDTHS: dict[Precision, tuple[Width, ...]] = {
    "int8": ("int8", "float"),
    "palette-mixed": ("palette6", "palette8", "palette4", "palette3", "float"),
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Expected(_Part):
    """What the layers cost together where they were chosen; ``bytes`` is an estimate of the program's."""

    loss_db: float
    bytes: int = Field(ge=1)
    on: str


class LayerPlan(_Part):
    """``layers``: widths by module path; layers that are not named have the first of ``WIDTHS``.

    ``checkpoint``: the SHA-256 that the costs were measured with; null for a plan written by hand.
    """

    schema_version: Literal[1] = 1
    checkpoint: str | None = None
    layers: dict[str, Width]
    expected: Expected | None = None

    def to_json(self) -> str:
        """The file's text."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def float_layers(self) -> list[str]:
        """Module paths of the layers that stay float."""
        return [path for path, width in self.layers.items() if width == "float"]


def read_plan(path: Path) -> LayerPlan:
    """The plan in ``path``. Raises BadInput for a file that is none, with the field that is wrong."""
    try:
        return LayerPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: expected a file of layers, found {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise BadInput(f"{path}: {where}: {first['msg']}") from error


def check_plan(plan: LayerPlan, precision: Precision, layers: Collection[str], checkpoint: str) -> None:
    """Raise BadInput for a plan that names a layer which is not among ``layers`` or a width that
    ``precision`` has not, leaves all of them float, or was measured with another checkpoint."""
    for path, width in plan.layers.items():
        if path not in layers:
            near = difflib.get_close_matches(path, layers, 3) or sorted(layers)[:3]
            raise BadInput(f"expected layers of the network, found {path!r}; nearest: {', '.join(near)}")
        if width not in WIDTHS[precision]:
            known = ", ".join(WIDTHS[precision])
            raise BadInput(f"expected {path} to be one of {known} for {precision}, found {width}")
    if set(layers) <= set(plan.float_layers):
        raise BadInput(f"expected a layer in {WIDTHS[precision][0]}, found all of them float")
    if plan.checkpoint not in (None, checkpoint):
        raise BadInput(
            f"expected layers chosen for the checkpoint {checkpoint[:12]}…, "
            f"found others, for {str(plan.checkpoint)[:12]}…"
        )


@dataclass(frozen=True)
class Budget:
    """What a plan may cost: dB of PSNR-Y against fp32, bytes of the program; None: anything.

    Raises BadInput for a loss below zero or NaN.
    """

    loss_db: float | None
    bytes: int | None

    def __post_init__(self) -> None:
        if self.loss_db is not None and not self.loss_db >= 0:
            raise BadInput(f"expected a loss of 0 dB or more, found {self.loss_db:g}")


@dataclass(frozen=True)
class Option:
    """A layer at a width: the bytes of its weights, and the dB that it alone loses so."""

    width: Width
    bytes: int
    loss_db: float


@dataclass(frozen=True)
class Choice:
    """Every layer's width, and what they were measured and estimated to cost together."""

    widths: dict[str, Width]
    loss_db: float
    bytes: int

    @property
    def summary(self) -> str:
        """How many layers have which width."""
        return summarize(self.widths.values())


def summarize(widths: Iterable[Width]) -> str:
    """How many layers have which width, the most frequent first: ``30 × int8, 5 × float``."""
    return ", ".join(f"{number} × {width}" for width, number in Counter(widths).most_common())


def choose(
    options: Mapping[str, Sequence[Option]],
    loss: Callable[[Mapping[str, Width]], float],
    overhead: int,
    budget: Budget,
) -> Choice:
    """The smallest widths with which a loss is met, or the best ones for a size.

    Every layer starts with its fewest bytes; then bytes go where each of them saves most dB, as the layers'
    own losses say, until ``loss``, dB lost with all layers at these widths, is met. ``overhead``: bytes of
    the program beside the weights. Raises BadInput with the best that was found if nothing meets the budget.
    """
    smallest = {path: min(of_layer, key=lambda option: option.bytes) for path, of_layer in options.items()}
    stages = [smallest]
    for path, option in _upgrades(options, smallest):
        stages.append({**stages[-1], path: option})
    if all(option.width == "float" for option in stages[-1].values()):
        stages.pop()  # another program
    bytes_of = [overhead + sum(option.bytes for option in stage.values()) for stage in stages]
    tried: dict[int, Choice] = {}

    def attempt(number: int) -> Choice:
        if number not in tried:
            widths = {path: option.width for path, option in stages[number].items()}
            tried[number] = Choice(widths, loss(widths), bytes_of[number])
        return tried[number]

    few, many = 0, len(stages) - 1
    if budget.bytes is not None:
        if bytes_of[0] > budget.bytes:
            raise BadInput(_unmet(budget, attempt(0)))
        many = max(number for number, size in enumerate(bytes_of) if size <= budget.bytes)
    if budget.loss_db is None:
        return attempt(many)
    if attempt(few).loss_db <= budget.loss_db:
        return attempt(few)
    if attempt(many).loss_db > budget.loss_db:
        raise BadInput(_unmet(budget, min(tried.values(), key=lambda choice: choice.loss_db)))
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if attempt(middle).loss_db <= budget.loss_db else (middle, many)
    return attempt(many)


def _upgrades(
    options: Mapping[str, Sequence[Option]], smallest: Mapping[str, Option]
) -> list[tuple[str, Option]]:
    """What to give each layer after its smallest width, and in which order: where a byte saves most first.

    A layer passes over widths between which it would pay more per byte to go straight to a larger one, so
    that its own follow each other in this order, too.
    """
    found: list[tuple[float, str, Option]] = []
    for path, now in smallest.items():
        while better := [o for o in options[path] if o.bytes > now.bytes and o.loss_db < now.loss_db]:
            saved = {o: (now.loss_db - o.loss_db) / (o.bytes - now.bytes) for o in better}
            now = max(better, key=saved.__getitem__)
            found.append((saved[now], path, now))
    found.sort(key=lambda upgrade: (-upgrade[0], upgrade[1]))  # stable: ties keep a layer's own order
    return [(path, option) for _, path, option in found]


def plan_of(choice: Choice, checkpoint: str, on: str) -> LayerPlan:
    """The plan that names every layer, so that a reader sees what there is to change."""
    expected = Expected(loss_db=round(choice.loss_db, 5), bytes=choice.bytes, on=on)
    return LayerPlan(checkpoint=checkpoint, layers=choice.widths, expected=expected)


def _unmet(budget: Budget, best: Choice) -> str:
    asked = [f"{budget.loss_db:g} dB"] if budget.loss_db is not None else []
    asked += [f"{budget.bytes:,} bytes"] if budget.bytes is not None else []
    return (
        f"expected a loss and size of at most {' and '.join(asked)}, found at best {best.loss_db:.4f} dB and "
        f"about {best.bytes:,} bytes, with {best.summary}"
    )
