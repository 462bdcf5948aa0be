import pytest
import torch

from models.liif.edsr import EDSR, ResidualBlock


def picture(height: int = 7, width: int = 9) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 9)])
def test_features_lie_on_the_pictures_grid(size):
    features = EDSR(6, (6, 6))(picture(*size))
    assert features.shape == (2, 6, *size)


def test_blocks_may_have_widths_of_their_own():
    encoder = EDSR(6, (1, 6, 11))
    assert [block.body[0].out_channels for block in encoder.body[:-1]] == [1, 6, 11]
    assert encoder(picture()).shape == (2, 6, 7, 9)


def test_an_encoder_without_blocks_is_head_and_tail():
    encoder = EDSR(6, ())
    head = encoder.head(picture())
    assert torch.allclose(encoder(picture()), head + encoder.body[0](head))


@pytest.mark.parametrize("res_scale", [1.0, 0.1])
def test_a_block_adds_its_scaled_branch(res_scale):
    torch.manual_seed(0)
    block = ResidualBlock(4, 5, res_scale)
    x = torch.rand(1, 4, 6, 6)
    first, _, second = block.body
    branch = second(torch.relu(first(x)))
    assert torch.allclose(block(x), x + res_scale * branch)
    assert branch.abs().max() > 1e-2


def test_removing_hidden_channels_that_are_zero_changes_nothing():
    torch.manual_seed(0)
    whole, pruned = EDSR(4, (6, 4)), EDSR(4, (3, 4))
    keep = [0, 2, 5]
    first, _, second = whole.body[0].body
    with torch.no_grad():
        for removed in {*range(6)} - {*keep}:
            second.weight[:, removed] = 0
        weights = whole.state_dict()
        weights["body.0.body.0.weight"] = first.weight[keep]
        weights["body.0.body.0.bias"] = first.bias[keep]
        weights["body.0.body.2.weight"] = second.weight[:, keep]
        pruned.load_state_dict(weights)
        assert torch.allclose(pruned(picture()), whole(picture()), atol=1e-6)


def test_the_trunk_is_every_blocks_output_and_ends_in_the_features():
    encoder, x = EDSR(6, (4, 4)), picture()
    first, second, features = encoder.trunk(x)
    assert torch.equal(first, encoder.body[0](encoder.head(x)))
    assert torch.equal(second, encoder.body[1](first))
    assert torch.equal(features, encoder(x))
