"""The router: which cells of a picture are worth a bigger network.

It sees a cell of the LR picture with some pixels around it, and predicts how much squared error a bigger
network takes away of a smaller one's there. That is the idea of ClassSR (arXiv 2103.04039), with one number
to predict instead of a class, so that any share of a picture can be chosen after training.
"""

import json
import math
import os
import re
import reprlib
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from models.checkpoint import fields_from_json, module_of, read_header
from models.embedded import check_checkpoint_file
from models.errors import CheckpointError, brief
from models.liif.network import MAX_SIZE
from models.output_file import whole_file

# Key of the configuration in the safetensors header.
ROUTER_KEY = "liif-edge-router"

# Thresholds: one for each whole percentage of cells.
N_THRESHOLDS = 101

# LR pixels a side that a feature of the router sees, and from one feature to the next: of convolutions of 3,
# 3 and 2 pixels with strides of 1, 2 and 2.
REACH, STRIDE = 1 + 2 * 1 + 2 * 1 + 1 * 2, 1 * 2 * 2

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RouterConfig:
    """Everything about a router but its weights. Raises ValueError for values that make none.

    ``cell``: LR pixels a side, at most, of what is routed; ``halo``: LR pixels around it that the router
    and the bigger network see. ``channels``: of its three convolutions. ``smaller`` and ``bigger``:
    ``checkpoint_hash`` of the networks that it was trained for, at ×2.

    A gain is the mean squared error, over the output pixels and channels of a cell and in 8-bit steps², that
    ``bigger`` takes away. The router predicts log2(max(gain, 0) + ``eps``). ``thresholds[e]``, in the same
    unit, is what the predictions of a share of e % of the cells of training photographs exceed: 101 numbers
    that never rise, of which the first is the largest prediction and the last the smallest.
    """

    cell: int
    halo: int
    channels: tuple[int, ...]
    smaller: str
    bigger: str
    eps: float
    thresholds: tuple[float, ...]

    @property
    def window(self) -> int:
        """LR pixels a side, at most, that the router sees: a cell with its halo."""
        return self.cell + 2 * self.halo

    def __post_init__(self) -> None:
        for name, low in (("cell", 1), ("halo", 0)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= MAX_SIZE:
                raise ValueError(f"expected a whole {name} from {low} to {MAX_SIZE}, found {_short(value)}")
        if len(self.channels) != 3 or not all(type(n) is int and 0 < n <= MAX_SIZE for n in self.channels):
            raise ValueError(
                f"expected three whole channels from 1 to {MAX_SIZE}, found {_short(self.channels)}"
            )
        for name in ("smaller", "bigger"):
            value = getattr(self, name)
            if not isinstance(value, str) or not _FINGERPRINT.fullmatch(value):
                raise ValueError(f"expected a SHA-256 in hexadecimal as {name}, found {_short(value)}")
        if type(self.eps) is not float or not 0 < self.eps < math.inf:
            raise ValueError(f"expected a positive number as eps, found {_short(self.eps)}")
        _check_thresholds(self.thresholds)


def _check_thresholds(thresholds: tuple[float, ...]) -> None:
    if len(thresholds) != N_THRESHOLDS:
        raise ValueError(f"expected {N_THRESHOLDS} thresholds, found {len(thresholds)}")
    if not all(type(value) is float and math.isfinite(value) for value in thresholds):
        raise ValueError(f"expected finite numbers as thresholds, found {_short(thresholds)}")
    if any(after > before for before, after in pairwise(thresholds)):
        raise ValueError(f"expected thresholds that never rise, found {_short(thresholds)}")


class Router(nn.Module):
    """(1, 3, h, w) in [0, 1], h and w of 8 and more, to (1, 1): log2 of a gain (``RouterConfig``).

    The convolutions have no padding: a border of zeros would look like an edge to the first. So a feature
    sees ``REACH`` pixels a side, from every ``STRIDE``-th pixel on.
    """

    def __init__(self, config: RouterConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third = config.channels
        self.features = nn.Sequential(
            nn.Conv2d(3, first, 3),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(second, third, 2, stride=2),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Linear(third, third), nn.ReLU(), nn.Linear(third, 1))

    def forward(self, window: Tensor) -> Tensor:
        features = self.features(window)  # (B, third, about h / 4, w / 4)
        # XNNPACK takes a mean that keeps its axes only.
        gain: Tensor = self.head(features.mean(dim=(2, 3), keepdim=True).flatten(1))
        return gain

    def within(self, lr: Tensor, inside: Tensor) -> Tensor:
        """``forward`` of the window in the upper left corner of ``lr`` (1, 3, h, w), where ``inside``
        (1, 1, h, w) is 1 and not 0: nothing beyond it counts."""
        features = self.features(lr)
        # The window has all pixels that a feature sees if it has the last one.
        whole = inside[:, :, REACH - 1 :: STRIDE, REACH - 1 :: STRIDE]
        share = whole / whole.sum(dim=(2, 3), keepdim=True)
        gain: Tensor = self.head((features * share).sum(dim=(2, 3), keepdim=True).flatten(1))
        return gain


def load_router(path: str | os.PathLike[str]) -> Router:
    """The router in ``path``, on the CPU, in eval mode. No code from the file is run.

    Raises CheckpointError if the file is missing, is no router, is damaged, or has weights that disagree with
    its configuration.
    """
    path = Path(path)
    check_checkpoint_file(path)
    text, weights = read_header(path, ROUTER_KEY, "router")
    try:
        config = RouterConfig(**fields_from_json(text, RouterConfig, ("channels", "thresholds")))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: configuration in the header: {brief(error)}") from error
    return module_of(path, lambda: Router(config), weights)


def save_router(router: Router, path: str | os.PathLike[str]) -> None:
    """Write ``router`` to ``path``, a ``.safetensors`` file, which appears whole or not at all.

    Raises CheckpointError for another name, and for a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise CheckpointError(f"{path}: expected a name ending in .safetensors")
    weights = {name: tensor.contiguous() for name, tensor in router.state_dict().items()}
    try:
        with whole_file(path) as partial:
            save_file(weights, partial, metadata={ROUTER_KEY: json.dumps(asdict(router.config))})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path}: expected to write a router, found {brief(error)}") from error


def _short(value: object) -> str:
    return reprlib.repr(value)
