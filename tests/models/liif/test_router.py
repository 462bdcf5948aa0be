from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from models import CheckpointError, load_checkpoint, save_checkpoint
from models.liif.cells import fit_window
from models.liif.router import REACH, STRIDE, Router, RouterConfig, load_router, save_router

CONFIG = RouterConfig(
    cell=32,
    halo=8,
    channels=(4, 6, 8),
    smaller="a" * 64,
    bigger="0" * 64,
    eps=0.5,
    thresholds=tuple(5.0 - 0.1 * e for e in range(101)),
)


@pytest.fixture
def router():
    torch.manual_seed(0)
    return Router(CONFIG).eval()


@pytest.mark.parametrize("size", [(8, 8), (48, 48), (8, 61), (33, 40)])
def test_a_window_of_any_size_from_8_on_becomes_one_number(router, size):
    gain = router(torch.rand(1, 3, *size))
    assert gain.shape == (1, 1)
    assert torch.isfinite(gain).all()


def test_a_flat_window_is_the_same_at_any_size(router):
    """Nothing but the picture is seen, no border around it."""
    small, large = (router(torch.full((1, 3, *size), 0.7)) for size in ((8, 9), (48, 40)))
    torch.testing.assert_close(small, large)


@pytest.mark.parametrize("size", [(8, 8), (8, 48), (10, 11), (26, 47), (48, 48)])
def test_a_window_in_the_corner_of_a_picture_is_seen_as_if_it_were_alone(router, size):
    window = torch.rand(1, 3, *size)
    lr, inside = map(torch.from_numpy, fit_window(window.numpy(), 48))
    elsewhere = torch.where(inside > 0, lr, torch.rand(1, 3, 48, 48))
    torch.testing.assert_close(router.within(elsewhere, inside), router(window))


def test_a_feature_sees_the_pixels_that_its_reach_and_stride_say(router):
    """The last of a row begins to exist with its last pixel."""
    for n_features in (1, 2, 7):
        side = REACH + STRIDE * (n_features - 1)
        for extra in range(STRIDE):
            assert router.features(torch.rand(1, 3, 8, side + extra)).shape[3] == n_features


def test_a_file_keeps_the_configuration_and_the_weights(router, tmp_path):
    save_router(router, tmp_path / "router.safetensors")
    copied = load_router(tmp_path / "router.safetensors")
    assert copied.config == CONFIG
    assert not copied.training
    window = torch.rand(1, 3, 20, 30)
    assert torch.equal(copied(window), router(window))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cell", 0, "cell from 1"),
        ("cell", 32.0, "whole cell"),
        ("halo", -1, "halo from 0"),
        ("channels", (4, 6), "three whole channels"),
        ("channels", (4, 6, 0), "three whole channels"),
        ("smaller", "a" * 63, "SHA-256 in hexadecimal as smaller"),
        ("bigger", None, "SHA-256 in hexadecimal as bigger"),
        ("eps", 0.0, "positive number as eps"),
        ("thresholds", CONFIG.thresholds[1:], "101 thresholds, found 100"),
        ("thresholds", (float("nan"), *CONFIG.thresholds[1:]), "finite numbers"),
        ("thresholds", CONFIG.thresholds[::-1], "never rise"),
    ],
)
def test_values_that_make_no_router_are_refused(name, value, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **{name: value})


def test_what_is_no_router_is_refused_in_one_line(router, tiny, tmp_path):
    path = tmp_path / "a.safetensors"

    def refused(*words):
        with pytest.raises(CheckpointError) as caught:
            load_router(path)
        message = str(caught.value)
        assert message.startswith(str(path)) and "\n" not in message
        assert all(word in message for word in words)

    refused("nothing there")
    path.write_bytes(b"no tensors")
    refused("safetensors")
    save_checkpoint(tiny.model, path)
    refused("router configuration", "liif-edge")
    save_file(router.state_dict(), path, {"liif-edge-router": "{}"})
    refused("expected the fields", "cell")
    save_router(router, path)
    damaged = path.read_bytes().replace(b'\\"channels\\": [4, 6, 8]', b'\\"channels\\": [4, 6, 9]')
    path.write_bytes(damaged)
    refused("weights disagree with the configuration", "features.4")


def test_a_network_and_a_router_are_not_mistaken_for_each_other(router, tmp_path):
    save_router(router, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="LIIF configuration"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_a_router_is_saved_as_safetensors_alone(router, tmp_path):
    with pytest.raises(CheckpointError, match=r"\.safetensors"):
        save_router(router, tmp_path / "a.pth")
    assert list(tmp_path.iterdir()) == []
