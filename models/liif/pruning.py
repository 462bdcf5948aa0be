"""Structured pruning: removes whole channels, so that a smaller network of the same class is left.

Pruning removes channels between the two convolutions of a residual block, the block with its last channel,
and hidden units of the MLP. The trunk, which all blocks add to, keeps its width.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from models import LIIF, LIIFConfig
from models.liif.cost import Cost
from models.liif.edsr import EDSR, ResidualBlock
from models.liif.widths import GROUP, Layer, Part, Widths, narrowed, prunable

# Of every channel of a layer, (width,) each.
Importance = dict[Layer, Tensor]


class BudgetError(ValueError):
    """The budget cannot be met. The message says the best that can."""


def importance_by_loss(
    model: LIIF, part: Part, losses: Iterable[Callable[[], Tensor]]
) -> Iterator[Importance]:
    """For each of ``losses``, a function of ``model``'s weights: by how much it would change without each
    channel, to first order of Taylor (Molchanov et al. 2019, arXiv 1906.10771), as a magnitude."""
    import torch_pruning as tp

    importance = tp.importance.GroupTaylorImportance(
        group_reduction="sum", normalizer=None, multivariable=True, bias=True
    )
    graph = _dependency_graph(model)
    layers = prunable(model.config, part)
    groups = {layer: _group(graph, model, layer, range(layer.width(model.config))) for layer in layers}
    for loss in losses:
        model.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        yield {layer: importance(group).cpu() for layer, group in groups.items()}
    model.zero_grad()


def mean_importance(each: Iterable[Importance]) -> Importance:
    """The mean over batches. Raises ValueError for none."""
    batches = list(each)
    if not batches:
        raise ValueError("expected at least one batch to measure importance on, found none")
    return {layer: sum((b[layer] for b in batches), torch.tensor(0.0)) / len(batches) for layer in batches[0]}


def choose_widths(
    config: LIIFConfig,
    importance: Importance,
    cost: Callable[[LIIFConfig], int],
    budget: float,
) -> Widths:
    """Widths with which the ``cost`` of ``config`` is at most ``budget``.

    Groups of channels are removed one after the other, each time the one whose importance is least for its
    cost. Raises BudgetError if the narrowest network costs more than ``budget``.
    """
    ranked = {layer: score.sort().values for layer, score in importance.items()}
    widths = {layer: len(score) for layer, score in ranked.items()}
    while (now := cost(narrowed(config, widths))) > budget:
        best: tuple[float, Layer, int] | None = None
        for layer, scores in ranked.items():
            width = max(layer.least, widths[layer] - GROUP)
            saved = now - cost(narrowed(config, {**widths, layer: width}))
            if not saved:  # as narrow as can be, or of a part that is not counted
                continue
            gone = len(scores) - widths[layer]
            price = float(scores[gone : gone + widths[layer] - width].sum()) / saved
            if best is None or price < best[0]:
                best = price, layer, width
        if best is None:
            raise BudgetError(f"expected a budget of at least {now}, the narrowest, found {budget:.0f}")
        widths[best[1]] = best[2]
    return widths


def remove_channels(model: LIIF, widths: Widths, importance: Importance) -> LIIF:
    """A network of ``widths`` with the most important channels of ``model``, which stays as it is."""
    model = deepcopy(model)
    graph = _dependency_graph(model)
    for layer, scores in importance.items():
        surplus = len(scores) - widths[layer]
        if surplus and widths[layer]:
            idxs = scores.argsort()[:surplus].sort().values.tolist()
            _group(graph, model, layer, idxs).prune()
    pruned = LIIF(narrowed(model.config, widths))
    _leave_out(model.encoder, [layer.number for layer, width in widths.items() if not width])
    pruned.load_state_dict(model.state_dict(), strict=True)
    return pruned.eval()


@torch.no_grad()
def _leave_out(encoder: EDSR, blocks: Sequence[int]) -> None:
    """Remove ``blocks``. A block without channels still adds its last bias; that constant is folded into the
    layer before it."""
    parts = list(encoder.body)
    for number in sorted(blocks, reverse=True):
        block = parts.pop(number)
        assert isinstance(block, ResidualBlock)
        bias = _bias(block)
        if number:
            _bias(parts[number - 1]).add_(bias)
        else:
            _bias(encoder.head).add_(block.res_scale * bias)
            # The long skip takes the head's output past the blocks, where the bias was not added.
            _bias(parts[-1]).sub_(block.res_scale * bias)
    encoder.body = nn.Sequential(*parts)


def _bias(module: nn.Module) -> Tensor:
    """Of the last convolution in ``module``."""
    bias = [part.bias for part in module.modules() if isinstance(part, nn.Conv2d)][-1]
    assert bias is not None
    return bias


class _Parts(nn.Module):
    """Encoder and MLP side by side: what is between them has no weights."""

    def __init__(self, model: LIIF) -> None:
        super().__init__()
        self.encoder, self.imnet = model.encoder, model.imnet

    def forward(self, lr: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(lr), self.imnet(rows)


def _dependency_graph(model: LIIF) -> Any:
    import torch_pruning as tp

    example = (torch.zeros(1, 3, 8, 8), torch.zeros(2, model.config.mlp_in))
    return tp.DependencyGraph().build_dependency(_Parts(model), example_inputs=example)


def _group(graph: Any, model: LIIF, layer: Layer, idxs: Iterable[int]) -> Any:
    """The channels ``idxs`` of ``layer`` and everything that depends on them."""
    import torch_pruning as tp

    if layer.part == "encoder":
        block = model.encoder.body[layer.number]
        assert isinstance(block, ResidualBlock)
        target, function = block.body[0], tp.prune_conv_out_channels
    else:
        target, function = model.imnet.linears[layer.number], tp.prune_linear_out_channels
    return graph.get_pruning_group(target, function, idxs=list(idxs))


def cost_of(part: Part, cost: Cost) -> int:
    """The named part of ``cost``."""
    return {"encoder": cost.encoder, "decoder": cost.decoder, "all": cost.total}[part]
