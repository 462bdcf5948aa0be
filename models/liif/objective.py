"""The loss of training: L1 of colours at random pixels, and what a teacher and a limit on features add."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.errors import RecipeError
from models.liif.edsr import normalized
from models.liif.fixed_scale import FixedScaleLIIF, split_first_layer
from models.liif.network import LIIF
from models.liif.patches import Queries, Sample


@dataclass(frozen=True)
class Distillation:
    """Weights of what a teacher adds (Hinton et al. 2015, arXiv 1503.02531, for regression).

    ``colours``: share of the colours' loss that is against the teacher's colours instead of the picture's;
    ``features``: weight of the relative L1 error of the encoder's features against the teacher's.
    Raises RecipeError outside [0, 1] and for a negative weight.
    """

    colours: float = 0.5
    features: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.colours <= 1:
            raise RecipeError(f"expected a share of colours from 0 to 1, found {self.colours:g}")
        if not self.features >= 0:
            raise RecipeError(f"expected a weight of features of 0 or more, found {self.features:g}")


# Weight of the distance by which values of the trunk leave the limit. The L1 of colours is about 0.02.
EXCESS = 0.1


class Objective(nn.Module):
    """The loss of a batch of samples. ``student`` is trained, and is the only part with a state."""

    def __init__(self, student: LIIF) -> None:
        super().__init__()
        self.student = student

    def refresh(self) -> None:
        """Called before the first step, and whenever the state was saved."""

    def upscaler(self, model: LIIF, scale: int) -> Callable[[Tensor], Tensor]:
        """``model`` at ``scale`` in the form that is trained: validation measures this one."""
        return FixedScaleLIIF(model, scale).to(next(model.parameters()).device).eval()


class ColourLoss(Objective):
    """L1 of the student's colours at the queries, shared with a ``teacher``'s by ``distillation``.

    ``feature_limit``: the largest magnitude that the outputs of the encoder and of its residual blocks should
    have; 0 for no limit. Pure colours and fine checks of them reach up to five times as far there as
    photographs do, and int8 has one range for both.
    Raises RecipeError if features are to be compared and the teacher's are of another number.
    """

    def __init__(
        self, student: LIIF, teacher: LIIF | None, distillation: Distillation, feature_limit: float = 0.0
    ) -> None:
        super().__init__(student)
        if teacher is not None and distillation.features and teacher.config.n_feats != student.config.n_feats:
            raise RecipeError(
                f"expected a teacher with {student.config.n_feats} features, as the student has, found "
                f"{teacher.config.n_feats}; with features = 0 they are not compared"
            )
        # In a list, so that the teacher is no submodule: neither trained, nor saved.
        self._teacher = [] if teacher is None else [teacher.requires_grad_(False).eval()]
        self.distillation = distillation
        self.feature_limit = feature_limit

    def forward(self, batch: Sample) -> Tensor:
        trunk = self.student.encoder.trunk(normalized(batch.lr))
        features = trunk[-1]
        colours = query_colours(self.student, features, batch.queries)
        loss = F.l1_loss(colours, batch.colours)
        for teacher in self._teacher:
            with torch.no_grad():
                expected_features = teacher.encoder(normalized(batch.lr))
                expected = query_colours(teacher, expected_features, batch.teacher_queries)
            share = self.distillation.colours
            loss = (1 - share) * loss + share * F.l1_loss(colours, expected)
            if self.distillation.features:
                size = expected_features.float().abs().mean()
                error = F.l1_loss(features.float(), expected_features.float()) / size
                loss = loss + self.distillation.features * error
        if self.feature_limit:
            for output in trunk:
                excess = F.relu(output.float().abs() - self.feature_limit)
                loss = loss + EXCESS * excess.sum(1).mean()
        return loss


def query_colours(model: LIIF, features: Tensor, queries: Queries) -> Tensor:
    """Blended colours (B, Q, 3) in [0, 1] units of ``features`` (B, C, h, w), with gradients.

    ``queries`` in a batch: (B, k, Q, …). The first layer runs as a convolution before the gather: nine
    times fewer multiplications than on unfolded rows, as in ``models.liif.fixed_scale``.
    """
    first, *rest = model.imnet.linears
    kernel, coordinate_weight = split_first_layer(model)
    hoisted = F.conv2d(features, kernel, padding=kernel.shape[-1] // 2)  # (B, hidden, h, w)
    rows = hoisted.flatten(2).transpose(1, 2)  # (B, h*w, hidden)
    b, k, q = queries.rows.shape
    index = queries.rows.reshape(b, k * q, 1).expand(-1, -1, rows.shape[2])
    coordinates = queries.coordinates.reshape(b, k * q, -1)[..., : model.config.n_coordinates]
    x = rows.gather(1, index) + F.linear(coordinates, coordinate_weight, first.bias)
    for layer in rest[:-1]:
        x = layer(F.relu(x))
    # In full precision: bf16 has steps of 1/256 near 1, as large as the errors that are left to train.
    with torch.autocast(x.device.type, enabled=False):
        colours = rest[-1](F.relu(x).float()).view(b, k, q, 3)
        blended: Tensor = (colours * queries.weight[..., None]).sum(dim=1)
        return blended * 0.5 + 0.5
