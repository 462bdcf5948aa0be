"""The methods of LIIF-EDSR's programs, and the inputs that calibrate them."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF
from models.arrays import Float
from models.family import Method, TensorSpec
from models.liif.any_scale import gather_rows, plan_queries
from models.liif.cells import fit_window
from models.liif.fixed_scale import FixedScaleColours, FixedScaleFeatures
from models.liif.router import Router

ROUTE = "route"  # the method of a router

# Rows per call of ``decode``: four neighbours of 64 x 64 output pixels, 16.8 MB of float32 rows.
MAX_ROWS = 4 * 64 * 64

# More costs small networks flat colours: with four at ×4, `fast` has an SSIM of 0.990 there instead of 0.991.
MOST_CLIP_WEIGHT = 3.0

# The smallest window that a router is traced for, LR pixels a side. The smallest that it sees has 8, of which
# its convolutions leave a single pixel, and PyTorch would trace a special case of that; XNNPACK runs the
# general program on it all the same.
SMALLEST_TRACED = 12

# What every method that takes a picture takes: a tile of it.
PICTURE = TensorSpec("lr", (1, 3, "h", "w"), (0.0, 1.0))


def methods_of(model: LIIF, scale: int | None, max_tile: int) -> list[Method]:
    """``forward`` at a fixed ``scale``; ``encode`` and ``decode`` for any (None).

    ``max_tile``: LR pixels, the largest side.
    """
    limits = {"h": max_tile, "w": max_tile, "n": MAX_ROWS}
    if scale is not None:
        output = TensorSpec("sr", (1, 3, f"{scale}*h", f"{scale}*w"), (0.0, 1.0))
        module, clip_weight = FixedScaleLIIF(model, scale).eval(), clip_weight_of(scale)
        return [Method("forward", module, (PICTURE,), output, limits, clip_weight=clip_weight)]
    width = model.config.hidden_widths[0]
    encoded = TensorSpec("encoded", (1, width, "h", "w"))
    rows = TensorSpec("rows", ("n", width))
    coordinates = TensorSpec("coordinates", ("n", model.config.n_coordinates), (-2.0, 2.0))
    colours = TensorSpec("colours", ("n", 3), (0.0, 1.0))
    return [
        Method("encode", AnyScaleEncoder(model).eval(), (PICTURE,), encoded, limits),
        Method("decode", AnyScaleDecoder(model).eval(), (rows, coordinates), colours, limits),
    ]


def clip_weight_of(scale: int | None) -> float:
    """How much the error of a clipped activation counts at ``scale``, None for any: as often as the scale, up
    to ``MOST_CLIP_WEIGHT``.

    Rounding errors lie either way, and average out over what is seen as one area; what is clipped, at the
    stroke of a letter, is clipped one way, and the larger the scale, the more output pixels it takes along
    (docs/design/int8.md).
    """
    return 1.0 if scale is None else min(float(scale), MOST_CLIP_WEIGHT)


def route_method(router: Router, max_tile: int) -> Method:
    """``ROUTE``: what ``router`` predicts for a window, as log2 of a gain (``models.liif.router``)."""
    gain = TensorSpec("gain", (1, 1))
    limits = {"h": max_tile, "w": max_tile}
    return Method(ROUTE, Route(router).eval(), (PICTURE,), gain, limits, SMALLEST_TRACED)


def fixed_route_method(router: Router) -> Method:
    """``ROUTE`` for programs that take one size: the largest window that ``router`` sees, which a smaller one
    lies in as ``fit_window`` puts it."""
    side = router.config.window
    inputs = (
        TensorSpec("lr", (1, 3, side, side), (0.0, 1.0)),
        TensorSpec("inside", (1, 1, side, side), (0.0, 1.0)),
    )
    return Method(ROUTE, FixedRoute(router).eval(), inputs, TensorSpec("gain", (1, 1)), {})


class Route(nn.Module):
    """A router inside another network's program. The wrapper keeps the module paths of both apart."""

    def __init__(self, router: Router) -> None:
        super().__init__()
        self.router = router

    def forward(self, lr: Tensor) -> Tensor:
        gain: Tensor = self.router(lr)
        return gain


class FixedRoute(nn.Module):
    """The same of a window that lies in a picture of one size."""

    def __init__(self, router: Router) -> None:
        super().__init__()
        self.router = router

    def forward(self, lr: Tensor, inside: Tensor) -> Tensor:
        return self.router.within(lr, inside)


class Echo(nn.Module):
    """The picture as the program received it, for the probe ``input``."""

    def forward(self, lr: Tensor) -> Tensor:
        return lr * 1.0  # an operator, so that the picture goes through the back end


def probes_of(model: LIIF, scale: int | None, max_tile: int) -> list[Method]:
    """Methods that return intermediate outputs of the network (``edge.check.probes``), for checks."""
    limits, clip_weight = {"h": max_tile, "w": max_tile}, clip_weight_of(scale)
    seen = TensorSpec("seen", PICTURE.shape, PICTURE.range)
    features = TensorSpec("features", (1, model.config.n_feats, "h", "w"))
    # Any scale will do for the features: they come before it.
    encoder = FixedScaleFeatures(model, scale or 2).eval()
    methods = [
        Method("input", Echo(), (PICTURE,), seen, limits),
        Method("features", encoder, (PICTURE,), features, limits, clip_weight=clip_weight),
    ]
    if scale is not None:
        module = FixedScaleColours(model, scale).eval()
        colours = TensorSpec("colours", (1, 3 * len(module.queries), "h", "w"), (-0.5, 0.5))
        methods.append(Method("colours", module, (PICTURE,), colours, limits, clip_weight=clip_weight))
    return methods


# Zooms at which the any-scale decoder is calibrated: within its training range of 1 to 4.
CALIBRATION_ZOOMS = (1.5, 2.0, 3.3)

ROWS_PER_CALL = 1024  # and up to twice as many, where they do not divide


def calibration_inputs(
    method: Method, methods: Sequence[Method], model: LIIF, tiles: Sequence[Float]
) -> Iterator[tuple[Tensor, ...]]:
    """The inputs of ``method``, one of ``methods``, when ``tiles`` (1, 3, h, w) are upscaled."""
    if method.name == "decode":
        return decoder_inputs(model, methods[0].module, tiles)
    if method.name == ROUTE and isinstance(side := method.inputs[0].shape[-1], int):
        windows = (fit_window(tile[:, :, :side, :side], side) for tile in tiles)
        return (tuple(map(torch.from_numpy, window)) for window in windows)
    return ((torch.from_numpy(tile),) for tile in tiles)


def decoder_inputs(model: LIIF, encoder: nn.Module, tiles: Sequence[Float]) -> Iterator[tuple[Tensor, ...]]:
    """The inputs of ``decode`` when ``tiles`` (1, 3, h, w) are upscaled, at each of the calibration zooms."""
    config = model.config
    for tile in tiles:
        with torch.no_grad():
            encoded = encoder(torch.from_numpy(tile))[0].numpy()
        h, w = encoded.shape[1:]
        for zoom in CALIBRATION_ZOOMS:
            size = (round(h * zoom), round(w * zoom))
            queries = plan_queries(
                (h, w),
                size,
                (0, size[0]),
                (0, size[1]),
                (0, 0, h, w),
                local_ensemble=config.local_ensemble,
                cell_decode=config.cell_decode,
            )
            for index, coordinates in zip(queries.index, queries.coordinates, strict=True):
                every = max(1, len(index) // ROWS_PER_CALL)
                rows = gather_rows(encoded, index[::every])
                yield torch.from_numpy(rows), torch.from_numpy(coordinates[::every].copy())


def checkpoint_path(path: str, weight: str) -> str:
    """The name that the checkpoint has for the layer at ``path`` in one of the network's forms.

    The layers of the blend, which no checkpoint has, are called as their ``weight``.
    """
    parts = {"hoisted": "imnet.layers.0", "coordinates": "imnet.layers.0 (coordinates)"}
    form, _, rest = path.partition(".")
    if form == "layers":
        number, _, part = rest.partition(".")  # a ReLU between two; the first is in two parts
        return f"imnet.layers.{2 * int(number) + 2}" + (f" ({part})" if part else "")
    return parts.get(path, path) or weight
