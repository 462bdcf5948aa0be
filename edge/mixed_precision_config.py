"""A mixed-precision config: the bit width of every layer of a program, in a small JSON file."""

import difflib
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.card import Precision
from edge.errors import BadInput
from edge.precisions import NUMERICS, BitWidth


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Expected(_Part):
    """What the layers cost together where they were chosen; ``bytes`` is an estimate of the program's."""

    loss_db: float
    bytes: int = Field(ge=1)
    on: str


class MixedPrecisionConfig(_Part):
    """``layers``: bit widths by module path; layers that are not named have the first of the
    precision's ``widths``.

    ``checkpoint``: the SHA-256 that the costs were measured with; null for a config written by hand.
    """

    schema_version: Literal[1] = 1
    checkpoint: str | None = None
    layers: dict[str, BitWidth]
    expected: Expected | None = None

    def to_json(self) -> str:
        """The file's text."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def float_layers(self) -> list[str]:
        """Module paths of the layers that stay float."""
        return [path for path, width in self.layers.items() if width == "float"]


def read_config(path: Path) -> MixedPrecisionConfig:
    """The config in ``path``. Raises BadInput for a file that is none, with the field that is wrong."""
    try:
        return MixedPrecisionConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: expected a file of layers, found {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise BadInput(f"{path}: {where}: {first['msg']}") from error


def check_config(
    config: MixedPrecisionConfig, precision: Precision, layers: Collection[str], checkpoint: str
) -> None:
    """Raise BadInput for a config that names a layer which is not among ``layers`` or a width that
    ``precision`` has not, leaves all of them float, or was measured with another checkpoint."""
    for path, width in config.layers.items():
        if path not in layers:
            near = difflib.get_close_matches(path, layers, 3) or sorted(layers)[:3]
            raise BadInput(f"expected layers of the network, found {path!r}; nearest: {', '.join(near)}")
        if width not in NUMERICS[precision].widths:
            known = ", ".join(NUMERICS[precision].widths)
            raise BadInput(f"expected {path} to be one of {known} for {precision}, found {width}")
    if set(layers) <= set(config.float_layers):
        raise BadInput(f"expected a layer in {NUMERICS[precision].widths[0]}, found all of them float")
    if config.checkpoint not in (None, checkpoint):
        raise BadInput(
            f"expected layers chosen for the checkpoint {checkpoint[:12]}…, "
            f"found others, for {str(config.checkpoint)[:12]}…"
        )


def summarize(widths: Iterable[BitWidth]) -> str:
    """How many layers have which width, the most frequent first: ``30 × int8, 5 × float``."""
    return ", ".join(f"{number} × {width}" for width, number in Counter(widths).most_common())
