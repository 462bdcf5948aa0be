"""A router's training: from patches whose gains are known to a router with its thresholds.

Every place of a patch is learned from at once: the features of all windows are those of the patch, and their
means are an average pooling, since the router's convolutions have no padding.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from models.arrays import Float
from models.errors import DataError, TrainingError
from models.liif.cells import cell_edges
from models.liif.router import N_THRESHOLDS, STRIDE, Router, RouterConfig

# Patches of a step, and the largest rate of one cycle (arXiv 1708.07120). A longer gradient than 1 is
# shortened: gains have outliers.
BATCH, LEARNING_RATE, LONGEST_GRADIENT = 6, 3e-3, 1.0

EPS = 1.0  # 8-bit steps²: an error that is hardly visible, and near the noise of int8


class GainSample(NamedTuple):
    """``lr`` (p, p, 3) bytes, and ``gain`` (p, p) of each of its pixels, as ``RouterConfig`` has a gain."""

    lr: NDArray[np.uint8]
    gain: Float


def train_router(
    samples: Sequence[GainSample], config: RouterConfig, steps: int, seed: int = 0
) -> Iterator[tuple[int, float, Router]]:
    """Train a router of ``config`` on ``samples`` of one size: (step, mean loss since the last report, the
    router as it is) at every 100th step and the last. The same for the same arguments, on one thread.

    The loss is the squared error of log2(max(gain, 0) + eps). ``config.thresholds`` are left as they are:
    ``with_thresholds``. Raises DataError for samples smaller than a window, TrainingError for a loss of NaN.
    """
    lr = torch.from_numpy(np.stack([sample.lr for sample in samples])).permute(0, 3, 1, 2)
    gain = torch.from_numpy(np.stack([sample.gain for sample in samples]))[:, None]
    window = config.window
    if min(lr.shape[2:]) < window:
        raise DataError(f"expected patches of at least {window} LR pixels, found {tuple(lr.shape[2:])}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        router = Router(config)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(router.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    losses = []
    for step in range(1, steps + 1):
        chosen = torch.from_numpy(rng.integers(len(samples), size=BATCH))
        x, y = _turned(lr[chosen].float() / 255, gain[chosen], rng)
        # Cells of a picture are between half a cell and a cell large.
        side = int(rng.integers(config.cell // 2, config.cell + 1))
        predicted, found = predict_everywhere(router, x, side), cell_gains(y, side, config.halo)
        loss = F.mse_loss(predicted, torch.log2(found.clamp(min=0) + config.eps))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # missing in stubs
        torch.nn.utils.clip_grad_norm_(router.parameters(), LONGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 0 or step == steps:
            mean = float(np.mean(losses))
            if not np.isfinite(mean):
                raise TrainingError(f"expected a finite loss, found {mean} by step {step}")
            losses.clear()
            yield step, mean, router.eval()


def predict_everywhere(router: Router, lr: Tensor, side: int) -> Tensor:
    """(B, 1, n, m): the router on every window of a cell of ``side`` pixels and its halo in ``lr``
    (B, 3, h, w), ``STRIDE`` pixels apart."""
    window = side + 2 * router.config.halo
    extent = router.features(torch.zeros(1, 3, window, window)).shape[-1]
    means = F.avg_pool2d(router.features(lr), extent, stride=1)
    n, m = ((length - window) // STRIDE + 1 for length in lr.shape[2:])
    predicted: Tensor = router.head(means[:, :, :n, :m].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return predicted


def cell_gains(gain: Tensor, side: int, halo: int) -> Tensor:
    """(B, 1, n, m): the mean of ``gain`` (B, 1, h, w) over the cells that ``predict_everywhere`` predicts."""
    rows, columns = (slice(halo, length - halo) for length in gain.shape[2:])
    return F.avg_pool2d(gain[:, :, rows, columns], side, stride=STRIDE)


def with_thresholds(router: Router, pictures: Iterable[NDArray[np.uint8]]) -> Router:
    """``router`` with the thresholds of the cells of LR ``pictures`` (h, w, 3), each of them counted once."""
    found = np.concatenate([predict_cells(router, picture).ravel() for picture in pictures])
    levels = np.quantile(found.astype(np.float64), np.linspace(1, 0, N_THRESHOLDS))
    config = RouterConfig(**{**vars(router.config), "thresholds": tuple(float(level) for level in levels)})
    copied = Router(config)
    copied.load_state_dict(router.state_dict(), strict=True)
    return copied.eval()


@torch.no_grad()
def predict_cells(router: Router, lr: NDArray[np.uint8]) -> Float:
    """(rows, columns): the router on the cells of a whole picture ``lr`` (h, w, 3), as one tile would have
    them."""
    picture = torch.from_numpy(np.array(lr)).permute(2, 0, 1)[None].float() / 255
    rows, columns = (cell_edges(length, router.config.cell) for length in lr.shape[:2])
    predicted = np.empty((len(rows) - 1, len(columns) - 1), np.float32)
    for i, j in product(*(range(n) for n in predicted.shape)):
        top, left = (max(0, edges[k] - router.config.halo) for edges, k in ((rows, i), (columns, j)))
        window = picture[
            :, :, top : rows[i + 1] + router.config.halo, left : columns[j + 1] + router.config.halo
        ]
        predicted[i, j] = router(window).item()
    return predicted


class Shares(NamedTuple):
    """Parts of the gain that the best choice of cells has: by the router's choice, by choosing the cells with
    the largest gradients, and on average over all choices (``even``)."""

    router: float
    gradient: float
    even: float


def shares_of_best(router: Router, samples: Sequence[GainSample], budget: float) -> Shares:
    """How well ``router`` chooses a share ``budget`` of the cells of all ``samples`` together."""
    predicted, gradient, gains = [], [], []
    for lr, gain in samples:
        rows, columns = (cell_edges(length, router.config.cell) for length in lr.shape[:2])
        steep = _gradient_energy(lr)
        predicted += predict_cells(router, lr).ravel().tolist()
        for (top, bottom), (left, right) in product(pairwise(rows), pairwise(columns)):
            gains.append(float(gain[top:bottom, left:right].mean()))
            gradient.append(float(steep[top:bottom, left:right].mean()))
    n = max(1, round(budget * len(gains)))
    found = np.array(gains)
    best = np.sort(found)[-n:].sum()

    def share(by: list[float]) -> float:
        return float(found[np.argsort(-np.array(by), kind="stable")[:n]].sum() / best)

    return Shares(share(predicted), share(gradient), float(n * found.mean() / best))


def _gradient_energy(lr: NDArray[np.uint8]) -> Float:
    """(h, w): squared differences from the neighbours above and before, summed over channels."""
    planes = lr.astype(np.float32)
    energy: Float = sum(
        (np.diff(planes, axis=axis, prepend=planes.take([0], axis)) ** 2).sum(2) for axis in (0, 1)
    )
    return energy


def _turned(lr: Tensor, gain: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Both, mirrored and turned at random."""
    for axes in ([2], [3]):
        if rng.random() < 0.5:
            lr, gain = lr.flip(axes), gain.flip(axes)
    if rng.random() < 0.5:
        lr, gain = lr.transpose(2, 3), gain.transpose(2, 3)
    return lr, gain
