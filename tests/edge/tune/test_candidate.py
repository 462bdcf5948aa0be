import pytest

from edge.tune.candidate import Candidate, least_percent, make_network
from models.liif.cost import count_macs
from models.liif.pruning import BudgetError


def test_a_candidate_keeps_at_most_its_share_of_each_part(model, importance):
    whole = count_macs(model.config)
    made = count_macs(make_network(model, importance, Candidate(60, 70, False, "fp32"), 2).config)
    assert 0.4 * whole.encoder < made.encoder <= 0.6 * whole.encoder
    assert 0.4 * whole.decoder < made.decoder <= 0.7 * whole.decoder


def test_the_least_share_is_the_least_that_can_be_made(model, importance):
    encoder, decoder = least_percent(model.config, 2)
    make_network(model, importance, Candidate(encoder, decoder, False, "fp32"), 2)
    for less in (
        Candidate(encoder - 1, decoder, False, "fp32"),
        Candidate(encoder, decoder - 1, False, "fp32"),
    ):
        with pytest.raises(BudgetError):
            make_network(model, importance, less, 2)
