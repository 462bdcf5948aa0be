"""Which layers of an int8 program stay float: a small JSON file, and how one is chosen for a budget."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import BadInput

# Bytes of a ×2 program beside its layers' weights: operators, ranges, offsets (measured: 0.27 MB).
PROGRAM_BYTES = 270_000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Expected(_Part):
    """What the layers cost together where they were chosen; ``bytes`` is an estimate of the program's."""

    loss_db: float
    bytes: int = Field(ge=1)
    on: str


class LayerPlan(_Part):
    """``layers``: "int8" or "float" by module path; layers that are not named are int8.

    ``checkpoint``: the SHA-256 that the costs were measured with; null for a plan written by hand.
    """

    schema_version: Literal[1] = 1
    checkpoint: str | None = None
    layers: dict[str, Literal["int8", "float"]]
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


def check_plan(plan: LayerPlan, layers: Collection[str], checkpoint: str) -> None:
    """Raise BadInput for a plan that names a layer which is not among ``layers``, leaves none in int8, or
    was measured with another checkpoint."""
    for path in plan.layers:
        if path not in layers:
            near = difflib.get_close_matches(path, layers, 3) or sorted(layers)[:3]
            raise BadInput(f"expected layers of the network, found {path!r}; nearest: {', '.join(near)}")
    if set(layers) <= set(plan.float_layers):
        raise BadInput("expected a layer in int8, found all of them float; build with --precision fp32")
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
class Choice:
    """Layers that stay float, and what that was measured and estimated to cost."""

    float_layers: tuple[str, ...]
    loss_db: float
    bytes: int


def choose(
    weights: Mapping[str, int],
    cost: Mapping[str, float],
    loss: Callable[[Sequence[str]], float],
    budget: Budget,
) -> Choice:
    """The fewest float layers, costliest in int8 per weight first, with which the budget is met.

    ``weights``: how many each layer has, ``cost``: dB it loses alone in int8, ``loss``: dB lost with these
    layers float and all others int8. Raises BadInput with the best that was found if nothing meets it.
    """
    order = sorted(weights, key=lambda path: (-cost[path] / weights[path], path))
    tried: dict[int, Choice] = {}

    def attempt(number: int) -> Choice:
        if number not in tried:
            floats = tuple(order[:number])
            tried[number] = Choice(floats, loss(floats), program_bytes(weights, floats))
        return tried[number]

    most = len(order) - 1  # with no layer in int8 it is another program
    if budget.bytes is not None:
        smallest = attempt(0)
        if smallest.bytes > budget.bytes:
            raise BadInput(_unmet(budget, smallest))
        most = max(n for n in range(len(order)) if program_bytes(weights, order[:n]) <= budget.bytes)
    if budget.loss_db is None:
        return attempt(most)
    few, many = 0, most
    if attempt(few).loss_db <= budget.loss_db:
        return attempt(few)
    if attempt(many).loss_db > budget.loss_db:
        raise BadInput(_unmet(budget, min(tried.values(), key=lambda choice: choice.loss_db)))
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if attempt(middle).loss_db <= budget.loss_db else (middle, many)
    return attempt(many)


def plan_of(choice: Choice, layers: Collection[str], checkpoint: str, on: str) -> LayerPlan:
    """The plan that names every one of ``layers``, so that a reader sees what there is to change."""
    widths: dict[str, Literal["int8", "float"]] = {
        path: "float" if path in choice.float_layers else "int8" for path in layers
    }
    expected = Expected(loss_db=round(choice.loss_db, 5), bytes=choice.bytes, on=on)
    return LayerPlan(checkpoint=checkpoint, layers=widths, expected=expected)


def program_bytes(weights: Mapping[str, int], float_layers: Collection[str]) -> int:
    """Estimated bytes of the program: four for a float weight, one for an int8 one."""
    return PROGRAM_BYTES + sum(count * (4 if path in float_layers else 1) for path, count in weights.items())


def _unmet(budget: Budget, best: Choice) -> str:
    asked = [f"{budget.loss_db:g} dB"] if budget.loss_db is not None else []
    asked += [f"{budget.bytes:,} bytes"] if budget.bytes is not None else []
    return (
        f"expected a loss and size of at most {' and '.join(asked)}, found at best {best.loss_db:.4f} dB and "
        f"about {best.bytes:,} bytes, with {len(best.float_layers)} layers float"
    )
