"""How much the loss depends on each channel, measured on pictures, and kept in a file."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import default_collate

from edge.errors import BadInput
from edge.output_file import whole_file
from edge.work import Work
from models import LIIF
from models.liif.objective import ColourLoss, Distillation
from models.liif.patches import PatchDataset, PatchSpec
from models.liif.pruning import Importance, importance_by_loss
from models.liif.widths import Part, prunable

PATCHES_PER_BATCH = 4


def importance_by_batch(pictures: Sequence[Path], model: LIIF, part: Part, batches: int) -> Work[Importance]:
    """The importance of every channel of ``part`` on each of ``batches`` of four patches of ``pictures``; the
    same whenever it is asked for."""
    dataset = PatchDataset(pictures, PatchSpec(one_member=False), 0, model.config.local_ensemble)
    loss = ColourLoss(model, None, Distillation())

    def losses() -> Iterator[Callable[[], Tensor]]:
        for first in range(0, PATCHES_PER_BATCH * batches, PATCHES_PER_BATCH):
            samples = [dataset[number] for number in range(first, first + PATCHES_PER_BATCH)]
            yield partial(loss, default_collate(samples))

    return Work(batches, importance_by_loss(model, part, losses()))


def write_importance(path: Path, importance: Importance) -> None:
    """The file appears whole or not at all."""
    with whole_file(path, "the importance of channels") as partial_file:
        save_file({f"{layer.part}.{layer.number}": t for layer, t in importance.items()}, partial_file)


def read_importance(path: Path, model: LIIF) -> Importance:
    """What ``write_importance`` wrote, of all layers of ``model``. Raises BadInput for anything else."""
    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: expected the importance of channels, found {error}") from error
    layers = {f"{layer.part}.{layer.number}": layer for layer in prunable(model.config, "all")}
    expected = {name: (layer.width(model.config),) for name, layer in layers.items()}
    if {name: tuple(score.shape) for name, score in stored.items()} != expected:
        raise BadInput(f"{path}: expected the importance of this network's channels, found another's")
    return {layer: stored[name] for name, layer in layers.items()}
