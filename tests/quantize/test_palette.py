"""Weights become few values, chosen so that a layer still gives what it gave."""

import pytest
import torch
from torch import Tensor, nn

from quantize.palette import Palette, PaletteSweep, choose_values, large_layers, palettize


class Net(nn.Module):
    """A convolution after a ReLU, as in the network: its inputs have a mean. Then a layer that is small."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 16, 3, padding=1)
        self.last = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x) + 1)
        colours: Tensor = self.last(self.second(x).movedim(1, -1))
        return colours


def pictures(seed: int, count: int = 4) -> list[tuple[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.rand(1, 3, 12, 12, generator=generator),) for _ in range(count)]


@pytest.mark.parametrize(("bits", "channels"), [(6, None), (4, None), (4, 2), (3, 1)])
def test_a_weight_has_no_more_values_than_its_bits_hold(bits: int, channels: int | None) -> None:
    palette = Palette(bits, channels)
    weight = palettize(Net(), {"second": palette}, pictures(0)).second.weight.detach()
    for group in weight.split(channels or 16):
        assert 2 ** (bits - 1) < len(group.unique()) <= 2**bits
    torch.testing.assert_close(weight.half().float(), weight, rtol=0, atol=0)


def test_other_layers_and_the_module_itself_stay_as_they_are() -> None:
    net = Net()
    few = palettize(net, {"second": Palette(4, None)}, pictures(0))
    assert all(map(torch.equal, net.parameters(), Net().parameters()))
    for name in ("first.weight", "last.weight", "second.bias"):
        assert torch.equal(few.get_parameter(name), net.get_parameter(name))


def test_linear_layers_have_palettes_too() -> None:
    few = palettize(Net(), dict.fromkeys(("first", "second", "last"), Palette(2, None)), pictures(0))
    assert [len(layer.weight.unique()) for layer in (few.first, few.second, few.last)] == [4, 4, 4]


def test_large_layers_are_those_with_more_weights() -> None:
    assert list(large_layers(Net(), 64)) == ["first", "second"]
    assert list(large_layers(Net(), 63)) == ["first", "second", "last"]


def test_a_palette_takes_its_indices_and_its_values_in_float16() -> None:
    weight = torch.zeros(16, 8, 3, 3)
    assert Palette(6, None).bytes(weight) == 16 * 8 * 9 * 6 // 8 + 2 * 64
    assert Palette(3, 2).bytes(weight) == 16 * 8 * 9 * 3 // 8 + 2 * 8 * 8


def test_a_sweep_runs_what_a_module_with_these_palettes_does() -> None:
    net, (x,) = Net(), pictures(1)[0]
    palettes = {"second": Palette(3, 2), "last": Palette(2, None)}
    sweep = PaletteSweep(net, ["first", "second", "last"], pictures(0))
    assert list(sweep.weights) == ["first", "second", "last"]
    with torch.no_grad():
        torch.testing.assert_close(sweep.run({}, (x,)), net(x), rtol=0, atol=0)
        expected = palettize(net, palettes, pictures(0))(x)
    torch.testing.assert_close(sweep.run(palettes, (x,)), expected, rtol=0, atol=0)
    assert float((expected - net(x)).detach().abs().max()) > 1e-3


def test_a_layer_gives_what_it_gave_better_than_with_the_nearest_values() -> None:
    net, (bits, unseen) = Net(), (4, pictures(1))
    few = palettize(net, {"second": Palette(bits, None)}, pictures(0))
    weight = net.second.weight.detach()
    values = choose_values(weight.reshape(1, -1), 2**bits)[0]
    nearest = Net()
    nearest.second.weight.data = values[(weight[..., None] - values).abs().argmin(-1)]
    with torch.no_grad():
        errors = [
            sum(float((other(x) - net(x)).square().sum()) for (x,) in unseen) for other in (few, nearest)
        ]
    assert errors[0] < errors[1] / 3


def test_values_are_the_means_of_what_is_nearest_to_them() -> None:
    elements = torch.randn(2, 2000, generator=torch.Generator().manual_seed(0))
    values = choose_values(elements, 8)
    for row, found in zip(elements, values, strict=True):
        nearest = (row[:, None] - found).abs().argmin(1)
        means = torch.stack([row[nearest == k].mean() for k in range(8)])
        torch.testing.assert_close(found, means, rtol=0, atol=0.02)


def test_nothing_to_calibrate_on_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one calibration input, found none"):
        palettize(Net(), {"second": Palette(6, None)}, [])
