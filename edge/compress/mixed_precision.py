"""Which bit width each layer gets for a budget of loss and size: greedy by bytes per dB."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge.errors import BadInput
from edge.mixed_precision_config import Expected, MixedPrecisionConfig, summarize
from edge.precisions import BitWidth


@dataclass(frozen=True)
class Budget:
    """What a config may cost: dB of PSNR-Y against fp32, bytes of the program; None: anything.

    Raises BadInput for a loss below zero or NaN.
    """

    loss_db: float | None
    bytes: int | None

    def __post_init__(self) -> None:
        if self.loss_db is not None and not self.loss_db >= 0:
            raise BadInput(f"expected a loss of 0 dB or more, found {self.loss_db:g}")


@dataclass(frozen=True)
class Option:
    """A layer at a bit width: the bytes of its weights, and the dB that it alone loses so."""

    width: BitWidth
    bytes: int
    loss_db: float


@dataclass(frozen=True)
class Choice:
    """Every layer's bit width, and what they were measured and estimated to cost together."""

    widths: dict[str, BitWidth]
    loss_db: float
    bytes: int

    @property
    def summary(self) -> str:
        """How many layers have which bit width."""
        return summarize(self.widths.values())


def choose(
    options: Mapping[str, Sequence[Option]],
    loss: Callable[[Mapping[str, BitWidth]], float],
    overhead: int,
    budget: Budget,
) -> Choice:
    """The smallest bit widths with which a loss is met, or the best ones for a size.

    Every layer starts with its fewest bytes; then bytes go where each of them saves most dB, as the layers'
    own losses say, until ``loss``, dB lost with all layers at these widths, is met. ``overhead``: bytes of
    the program beside the weights. Raises BadInput with the best that was found if nothing meets the budget.
    """
    smallest = {path: min(of_layer, key=lambda option: option.bytes) for path, of_layer in options.items()}
    steps = [smallest]
    for path, option in _upgrades(options, smallest):
        steps.append({**steps[-1], path: option})
    if all(option.width == "float" for option in steps[-1].values()):
        steps.pop()  # another program
    bytes_of = [overhead + sum(option.bytes for option in step.values()) for step in steps]
    tried: dict[int, Choice] = {}

    def attempt(number: int) -> Choice:
        if number not in tried:
            widths = {path: option.width for path, option in steps[number].items()}
            tried[number] = Choice(widths, loss(widths), bytes_of[number])
        return tried[number]

    few, many = 0, len(steps) - 1
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


def config_of(choice: Choice, checkpoint: str, on: str) -> MixedPrecisionConfig:
    """The config that names every layer, so that a reader sees what there is to change."""
    expected = Expected(loss_db=round(choice.loss_db, 5), bytes=choice.bytes, on=on)
    return MixedPrecisionConfig(checkpoint=checkpoint, layers=choice.widths, expected=expected)


def _unmet(budget: Budget, best: Choice) -> str:
    asked = [f"{budget.loss_db:g} dB"] if budget.loss_db is not None else []
    asked += [f"{budget.bytes:,} bytes"] if budget.bytes is not None else []
    return (
        f"expected a loss and size of at most {' and '.join(asked)}, found at best {best.loss_db:.4f} dB and "
        f"about {best.bytes:,} bytes, with {best.summary}"
    )
