"""What an artifact's program computes: its methods, each a module with named inputs and one output.

Both exporters read these tables, and ``card.json`` repeats them for the app that loads the artifact.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF
from models.liif.fixed_scale import FixedScaleColours, FixedScaleFeatures

# A dimension: a number, or the name of one that varies ("h"), or that times a number ("2*h").
Dim = int | str

# Rows per call of ``decode``: four neighbours of 64 x 64 output pixels, 16.8 MB of float32 rows.
MAX_ROWS = 4 * 64 * 64


@dataclass(frozen=True)
class TensorSpec:
    """A float32 tensor at the program's door; ``range``: the values it means, None if unbounded."""

    name: str
    shape: tuple[Dim, ...]
    range: tuple[float, float] | None = None

    def sized(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with its names replaced by numbers."""
        return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in self.shape)


@dataclass(frozen=True)
class Method:
    """One entry point of a program. ``module`` takes ``inputs`` in order and returns ``output``."""

    name: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    output: TensorSpec

    @property
    def variable(self) -> tuple[str, ...]:
        """Names of the dimensions that vary, in order of appearance."""
        return tuple(dict.fromkeys(d for spec in self.inputs for d in spec.shape if isinstance(d, str)))

    def example(self, sizes: Mapping[str, int], seed: int = 0) -> tuple[Tensor, ...]:
        """Seeded inputs in [0, 1) of these sizes: for tracing, not for calibration."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.rand(spec.sized(sizes), generator=generator) for spec in self.inputs)


def methods_of(model: LIIF, scale: int | None) -> list[Method]:
    """``forward`` at a fixed ``scale``; ``encode`` and ``decode`` for any (None)."""
    picture = TensorSpec("lr", (1, 3, "h", "w"), (0.0, 1.0))
    if scale is not None:
        output = TensorSpec("sr", (1, 3, f"{scale}*h", f"{scale}*w"), (0.0, 1.0))
        return [Method("forward", FixedScaleLIIF(model, scale).eval(), (picture,), output)]
    width = model.config.hidden_widths[0]
    encoded = TensorSpec("encoded", (1, width, "h", "w"))
    rows = TensorSpec("rows", ("n", width))
    coordinates = TensorSpec("coordinates", ("n", model.config.n_coordinates), (-2.0, 2.0))
    colours = TensorSpec("colours", ("n", 3), (0.0, 1.0))
    return [
        Method("encode", AnyScaleEncoder(model).eval(), (picture,), encoded),
        Method("decode", AnyScaleDecoder(model).eval(), (rows, coordinates), colours),
    ]


class Echo(nn.Module):
    """What a program received, as it received it."""

    def forward(self, lr: Tensor) -> Tensor:
        return lr * 1.0  # an operator, so that the picture goes through the back end


def stage_methods(model: LIIF, scale: int | None) -> list[Method]:
    """Methods that return what the network has computed up to a stage (``edge.stages``), for checks."""
    picture = TensorSpec("lr", (1, 3, "h", "w"), (0.0, 1.0))
    seen = TensorSpec("seen", (1, 3, "h", "w"), (0.0, 1.0))
    features = TensorSpec("features", (1, model.config.n_feats, "h", "w"))
    # Any scale will do for the features: they come before it.
    methods = [
        Method("input", Echo(), (picture,), seen),
        Method("features", FixedScaleFeatures(model, scale or 2).eval(), (picture,), features),
    ]
    if scale is not None:
        module = FixedScaleColours(model, scale).eval()
        colours = TensorSpec("colours", (1, 3 * len(module.evaluations), "h", "w"), (-0.5, 0.5))
        methods.append(Method("colours", module, (picture,), colours))
    return methods
