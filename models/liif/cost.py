"""What a configuration costs: multiply-accumulates per LR pixel of the fixed-scale form, and parameters."""

from dataclasses import dataclass
from itertools import pairwise

from models.liif.fixed_scale import plan_phase_queries
from models.liif.network import LIIFConfig


@dataclass(frozen=True)
class Cost:
    """Of the encoder and of the decoder (everything after it)."""

    encoder: int
    decoder: int

    @property
    def total(self) -> int:
        """Both."""
        return self.encoder + self.decoder


def count_macs(config: LIIFConfig, scale: int = 2) -> Cost:
    """Multiply-accumulates per LR pixel at ``scale``; blending, which has no trained weight, is left out."""
    n, window = config.n_feats, config.feature_window**2
    encoder = 9 * (3 * n + sum(2 * n * width for width in config.block_widths) + n * n)
    widths = (*config.hidden_widths, 3)
    queries = len(plan_phase_queries(scale, config.local_ensemble))
    chain = sum(a * b for a, b in pairwise(widths))
    return Cost(encoder, window * n * widths[0] + queries * chain)


def count_parameters(config: LIIFConfig) -> Cost:
    """Trained numbers, biases included."""
    n = config.n_feats
    blocks = sum(2 * 9 * n * width + width + n for width in config.block_widths)
    encoder = (9 * 3 * n + n) + blocks + (9 * n * n + n)
    widths = (config.mlp_in, *config.hidden_widths, 3)
    return Cost(encoder, sum(a * b + b for a, b in pairwise(widths)))
