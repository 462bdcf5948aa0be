"""LIIF in its reference form: coordinates in, colours out (Chen et al. 2021, arXiv 2012.09161).

The reference form is the baseline that every other form, artifact and device is held against.
"""

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own convention)
from torch import Tensor, nn

from models.liif.edsr import EDSR, normalized

# Queries per chunk; a chunk's widest tensor is (chunk, 580) float32: 70 MB at 30,000.
QUERY_CHUNK = 30_000

# Upstream moves each neighbour by this much, so that float rounding never picks the other side,
# and keeps the moved coordinate this far inside the picture. In [-1, 1] units.
COORDINATE_EPSILON = 1e-6

# Added to each blending area, so that four zero areas do not divide by zero.
AREA_EPSILON = 1e-9

# Largest width and number of layers. EDSR's largest has 256 features and 32 blocks; a file that claims
# more than this is damaged, and believing it would end in a lack of memory.
MAX_SIZE = 4096


@dataclass(frozen=True)
class LIIFConfig:
    """Everything that determines the shapes and the arithmetic of a LIIF-EDSR network.

    The defaults are the published EDSR-baseline-LIIF. Raises ValueError for values of other types,
    sizes outside 1 to MAX_SIZE and an MLP without hidden layers.
    """

    n_feats: int = 64
    block_widths: tuple[int, ...] = (64,) * 16
    res_scale: float = 1.0
    hidden_widths: tuple[int, ...] = (256,) * 4
    local_ensemble: bool = True
    feat_unfold: bool = True
    cell_decode: bool = True

    def __post_init__(self) -> None:
        sizes = (self.n_feats, *self.block_widths, *self.hidden_widths)
        if len(sizes) > MAX_SIZE:
            raise ValueError(f"expected at most {MAX_SIZE} layers, found {len(sizes)}")
        for size in sizes:
            if type(size) is not int or not 0 < size <= MAX_SIZE:
                raise ValueError(f"expected whole sizes from 1 to {MAX_SIZE}, found {reprlib.repr(size)}")
        if not self.hidden_widths:
            raise ValueError("expected at least one hidden layer in the MLP, found none")
        scale = self.res_scale
        if type(scale) not in (int, float) or not 0 < scale < math.inf:
            raise ValueError(f"expected a positive number as res_scale, found {reprlib.repr(scale)}")
        object.__setattr__(self, "res_scale", float(scale))  # 1 and 1.0 are one configuration, one hash
        for name in ("local_ensemble", "feat_unfold", "cell_decode"):
            if type(getattr(self, name)) is not bool:
                value = reprlib.repr(getattr(self, name))
                raise ValueError(f"expected true or false as {name}, found {value}")

    @property
    def feature_window(self) -> int:
        """Side of the feature window that one query sees, in LR pixels."""
        return 3 if self.feat_unfold else 1

    @property
    def n_coordinates(self) -> int:
        """Coordinates next to the features in the MLP's input: relative (y, x), then cell (y, x)."""
        return 4 if self.cell_decode else 2

    @property
    def mlp_in(self) -> int:
        """Width of the MLP's input: the unfolded features, then the coordinates."""
        return self.n_feats * self.feature_window**2 + self.n_coordinates

    @property
    def full_halo(self) -> int:
        """LR pixels around an output pixel's own that can change it: the radius of the receptive field."""
        convolutions = 1 + 2 * len(self.block_widths) + 1  # head, blocks, tail
        return convolutions + self.feature_window // 2 + int(self.local_ensemble)


class MLP(nn.Module):
    """Linear layers with ReLU between them, over the last axis."""

    def __init__(self, n_in: int, hidden_widths: Sequence[int], n_out: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden_widths:
            layers += [nn.Linear(n_in, width), nn.ReLU()]
            n_in = width
        self.layers = nn.Sequential(*layers, nn.Linear(n_in, n_out))

    @property
    def linears(self) -> list[nn.Linear]:
        """The linear layers, input side first."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


def pixel_centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Centres of a ``height`` x ``width`` grid in [-1, 1], ``(height, width, 2)`` as (y, x)."""
    axes = [-1 + 1 / n + (2 / n) * torch.arange(n, device=device).float() for n in (height, width)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


class LIIF(nn.Module):
    """LIIF-EDSR. Its forward is the reference form."""

    def __init__(self, config: LIIFConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = EDSR(config.n_feats, config.block_widths, config.res_scale)
        self.imnet = MLP(config.mlp_in, config.hidden_widths, 3)

    def forward(self, lr: Tensor, size: tuple[int, int], chunk: int = QUERY_CHUNK) -> Tensor:
        """``lr``: (B, 3, h, w) in [0, 1]; ``size``: target (H, W). Returns (B, 3, H, W), not clamped.

        The decoder runs on ``chunk`` queries at a time, so its memory does not grow with the size.
        Raises ValueError for an input of another shape or a target without pixels.
        """
        if lr.ndim != 4 or lr.shape[1] != 3 or 0 in lr.shape:
            raise ValueError(f"expected an image tensor (B, 3, h, w), found {tuple(lr.shape)}")
        if min(size) < 1:
            raise ValueError(f"expected a target of at least 1x1, found {size[0]}x{size[1]}")
        feat = self.encode(lr)  # (B, C, h, w)
        coord = pixel_centres(*size, device=lr.device).view(1, -1, 2)  # (1, H*W, 2)
        cell = torch.tensor([2 / size[0], 2 / size[1]], device=lr.device)
        colours = [self.query(feat, part, cell) for part in torch.split(coord, chunk, dim=1)]
        out = torch.cat(colours, dim=1)  # (B, H*W, 3)
        return out.transpose(1, 2).reshape(lr.shape[0], 3, *size) * 0.5 + 0.5

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1] to the feature map that queries read, (B, C, h, w).

        With ``feat_unfold`` (section 3.2) C is 9 times the encoder's width.
        """
        feat: Tensor = self.encoder(normalized(lr))
        if self.config.feat_unfold:
            b, c, h, w = feat.shape
            feat = F.unfold(feat, 3, padding=1).view(b, c * 9, h, w)
        return feat

    def query(self, feat: Tensor, coord: Tensor, cell: Tensor) -> Tensor:
        """Colours in [-1, 1] at ``coord`` (1, Q, 2) of ``feat`` (B, C, h, w): (B, Q, 3).

        ``cell`` (2,): height and width of an output pixel in [-1, 1] units (section 3.4).
        """
        b, _, h, w = feat.shape
        extent = torch.tensor([h, w], dtype=feat.dtype, device=feat.device)
        centres = pixel_centres(h, w, feat.device).permute(2, 0, 1)[None]  # (1, 2, h, w)
        n_queries = coord.shape[1]
        if self.config.local_ensemble:
            shifts = [(dy, dx) for dy in (-1, 1) for dx in (-1, 1)]
            epsilon = COORDINATE_EPSILON
        else:
            shifts, epsilon = [(0, 0)], 0.0

        colours, areas = [], []
        for shift in shifts:
            moved = coord + torch.tensor(shift, device=coord.device) / extent + epsilon
            moved = moved.clamp(-1 + COORDINATE_EPSILON, 1 - COORDINATE_EPSILON)
            grid = moved.flip(-1)[:, None]  # (1, 1, Q, 2) as (x, y)
            q_feat = _nearest(feat, grid.expand(b, -1, -1, -1))  # (B, Q, C)
            q_coord = _nearest(centres, grid)  # (1, Q, 2)
            relative = (coord - q_coord) * extent  # half LR pixels
            parts = [q_feat, relative.expand(b, -1, -1)]
            if self.config.cell_decode:
                parts.append((cell * extent).expand(b, n_queries, 2))
            colours.append(self.imnet(torch.cat(parts, dim=-1)))  # (B, Q, 3)
            areas.append(relative.prod(dim=-1).abs() + AREA_EPSILON)  # (1, Q)

        # Section 3.3: each prediction weighs as the area of the diagonally opposite rectangle.
        weights = torch.stack(areas[::-1]) / torch.stack(areas).sum(dim=0)  # (n, 1, Q)
        return (torch.stack(colours) * weights[..., None]).sum(dim=0)


def _nearest(values: Tensor, grid: Tensor) -> Tensor:
    """``values`` (B, C, h, w) at ``grid`` (B, 1, Q, 2): (B, Q, C)."""
    sampled = F.grid_sample(values, grid, mode="nearest", align_corners=False)
    return sampled[:, :, 0].transpose(1, 2)


def set_ensemble(config: LIIFConfig, local_ensemble: bool) -> LIIFConfig:
    """``config`` with or without local ensemble: the weights are the same."""
    return replace(config, local_ensemble=local_ensemble)


def with_ensemble(model: LIIF, local_ensemble: bool) -> LIIF:
    """A copy of ``model`` with or without local ensemble: four queries per output pixel, or one."""
    other = LIIF(set_ensemble(model.config, local_ensemble)).eval()
    other.load_state_dict(model.state_dict(), strict=True)
    return other
