"""Channel counts of LIIF-EDSR: which layers can become narrower, and a configuration with them so."""

from dataclasses import dataclass, replace
from typing import Literal

from models import LIIFConfig

Part = Literal["encoder", "decoder", "all"]

# Channels are removed by eights: SIMD kernels compute as many at a time.
GROUP = 8


@dataclass(frozen=True)
class Layer:
    """A layer that can become narrower: where its width stands in the configuration."""

    part: Literal["encoder", "decoder"]
    number: int

    def width(self, config: LIIFConfig) -> int:
        """Its width in ``config``."""
        return (config.block_widths if self.part == "encoder" else config.hidden_widths)[self.number]

    @property
    def least(self) -> int:
        """The narrowest that it can be: a block without channels is no block, and goes altogether."""
        return 0 if self.part == "encoder" else GROUP


Widths = dict[Layer, int]


def prunable(config: LIIFConfig, part: Part) -> list[Layer]:
    """The layers of ``part`` that can become narrower."""
    blocks = [Layer("encoder", number) for number in range(len(config.block_widths))]
    hidden = [Layer("decoder", number) for number in range(len(config.hidden_widths))]
    return [*(blocks if part != "decoder" else []), *(hidden if part != "encoder" else [])]


def narrowed(config: LIIFConfig, widths: Widths) -> LIIFConfig:
    """``config`` with these ``widths``; blocks of none are left out."""
    blocks = (widths.get(Layer("encoder", n), width) for n, width in enumerate(config.block_widths))
    hidden = (widths.get(Layer("decoder", n), width) for n, width in enumerate(config.hidden_widths))
    return replace(
        config, block_widths=tuple(width for width in blocks if width), hidden_widths=tuple(hidden)
    )
