"""A smaller network in one precision: what there is to choose, and how it is made."""

from dataclasses import dataclass

from edge.card import Precision
from models import LIIF, LIIFConfig
from models.liif.cost import count_macs
from models.liif.network import with_ensemble
from models.liif.pruning import Importance, choose_widths, remove_channels
from models.liif.widths import Layer, narrowed, prunable


@dataclass(frozen=True)
class Candidate:
    """``encoder`` and ``decoder``: percent of the part's multiplications to keep; the decoder's are
    counted after the local ensemble was left out, if it was."""

    encoder: int
    decoder: int
    local_ensemble: bool
    precision: Precision

    @property
    def name(self) -> str:
        """For files."""
        ensemble = "" if self.local_ensemble else "-single"
        return f"e{self.encoder}-d{self.decoder}{ensemble}-{self.precision}"

    def __str__(self) -> str:
        ensemble = "with" if self.local_ensemble else "no"
        return (
            f"encoder {self.encoder} %, decoder {self.decoder} %, {ensemble} local ensemble, {self.precision}"
        )


def least_percent(config: LIIFConfig, scale: int) -> tuple[int, int]:
    """The least of the encoder and of the decoder that can be kept, rounded up to whole percent."""
    narrowest = narrowed(config, {layer: layer.least for layer in prunable(config, "all")})
    least, most = count_macs(narrowest, scale), count_macs(config, scale)
    return -(-100 * least.encoder // most.encoder), -(-100 * least.decoder // most.decoder)


def make_network(model: LIIF, importance: Importance, candidate: Candidate, scale: int) -> LIIF:
    """``model`` without its least important channels, as ``candidate`` has it; not fine-tuned.

    Raises BudgetError for less than ``least_percent``.
    """
    whole = with_ensemble(model, candidate.local_ensemble)

    def encoder_cost(config: LIIFConfig) -> int:
        return count_macs(config, scale).encoder

    def decoder_cost(config: LIIFConfig) -> int:
        return count_macs(config, scale).decoder

    widths: dict[Layer, int] = {}
    for part, percent, cost in (
        ("encoder", candidate.encoder, encoder_cost),
        ("decoder", candidate.decoder, decoder_cost),
    ):
        scores = {layer: score for layer, score in importance.items() if layer.part == part}
        widths |= choose_widths(whole.config, scores, cost, percent / 100 * cost(whole.config))
    return remove_channels(whole, widths, importance)
