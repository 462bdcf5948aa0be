from pathlib import Path

import numpy as np
import pytest
import torch

from models import LIIF, LIIFConfig, load_checkpoint
from models.liif.network import MLP, pixel_centres

# On nets this small a second thread costs more than it brings.
torch.set_num_threads(1)

PARITY = Path(__file__).parents[2] / "data" / "parity"
NAMES = ("tiny", "tiny-no-cell", "tiny-no-ensemble", "tiny-no-unfold", "wide")


def parity_cases() -> list[tuple[str, int]]:
    cases = []
    for name in NAMES:
        with np.load(PARITY / f"{name}.npz") as arrays:
            cases += [(name, number) for number in range(len(arrays) // 2)]
    return cases


def tiny(**options: bool) -> LIIF:
    torch.manual_seed(0)
    return LIIF(LIIFConfig(n_feats=4, block_widths=(4, 3), hidden_widths=(8, 6), **options)).eval()


def photo(height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "number"), parity_cases())
def test_the_reference_form_computes_what_upstream_computes(name, number):
    model = load_checkpoint(PARITY / f"{name}.pth")
    with np.load(PARITY / f"{name}.npz") as arrays:
        lr, expected = arrays[f"in{number}"], arrays[f"out{number}"]
    with torch.no_grad():
        sr = model(torch.from_numpy(lr)[None], expected.shape[1:])[0].numpy()
    assert sr.dtype == np.float32
    assert sr.shape == expected.shape
    assert abs(sr - expected).max() < 1e-5
    assert expected.std() > 1e-3


@pytest.mark.parametrize(
    ("name", "option"),
    [("ensemble", "local_ensemble"), ("unfold", "feat_unfold"), ("cell", "cell_decode")],
)
def test_the_parity_checkpoints_cover_every_option(name, option):
    config = load_checkpoint(PARITY / f"tiny-no-{name}.pth").config
    options = {"local_ensemble": True, "feat_unfold": True, "cell_decode": True, option: False}
    assert {key: getattr(config, key) for key in options} == options


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_chunk_size_does_not_show(chunk):
    model, lr = tiny(), photo(5, 6)
    with torch.no_grad():
        assert torch.allclose(model(lr, (9, 13), chunk), model(lr, (9, 13)), atol=1e-6)


def test_pictures_of_a_batch_do_not_mix():
    model, lr = tiny(), photo(5, 6, batch=2)
    with torch.no_grad():
        both = model(lr, (9, 13))
        for number in range(2):
            assert torch.allclose(
                both[number : number + 1], model(lr[number : number + 1], (9, 13)), atol=1e-6
            )


def test_the_output_is_not_clamped():
    model = tiny()
    with torch.no_grad():
        model.imnet.linears[-1].bias += 5
        assert model(photo(4, 4), (8, 8)).min() > 1


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 1, 4, 4), (1, 4, 4, 3), (1, 3, 0, 4)])
def test_other_inputs_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected an image tensor \(B, 3, h, w\)"):
        tiny()(torch.zeros(shape), (8, 8))


@pytest.mark.parametrize("size", [(0, 4), (4, -1)])
def test_a_target_without_pixels_is_refused(size):
    with pytest.raises(ValueError, match="at least 1x1"):
        tiny()(photo(4, 4), size)


def test_pixel_centres_divide_the_picture_evenly():
    centres = pixel_centres(2, 4)
    assert centres.shape == (2, 4, 2)
    assert centres[:, 0, 0].tolist() == [-0.5, 0.5]
    assert centres[0, :, 1].tolist() == [-0.75, -0.25, 0.25, 0.75]


def test_the_mlp_names_its_linear_layers_input_first():
    mlp = MLP(5, (7, 9), 3)
    assert [(layer.in_features, layer.out_features) for layer in mlp.linears] == [(5, 7), (7, 9), (9, 3)]


@pytest.mark.parametrize("options", [{}, {"local_ensemble": False}, {"feat_unfold": False}])
@pytest.mark.parametrize("axis", [2, 3])
def test_the_full_halo_is_the_networks_reach(options, axis):
    model = tiny(**options)
    with torch.no_grad():
        for weight in model.parameters():
            weight.abs_()  # nothing cancels: whatever can reach an output does
    lr = photo(24, 24)
    lr.requires_grad_()
    model(lr, (48, 48))[0, :, 24, 24].sum().backward()
    seen = lr.grad.abs().sum(dim=(0, 1, 5 - axis)).nonzero().ravel()
    own = 12  # LR pixel of output pixel 24 at ×2
    assert max(own - int(seen.min()), int(seen.max()) - own) == model.config.full_halo


@pytest.mark.parametrize(
    "fields",
    [
        {"n_feats": 0},
        {"n_feats": 6.5},
        {"n_feats": "64"},
        {"n_feats": True},
        {"n_feats": 10**12},
        {"block_widths": (8, -1)},
        {"block_widths": (8, "8")},
        {"hidden_widths": ()},
        {"hidden_widths": (8, None)},
        {"res_scale": 0.0},
        {"res_scale": float("nan")},
        {"res_scale": float("inf")},
        {"res_scale": "1"},
        {"local_ensemble": 1},
        {"feat_unfold": "yes"},
        {"cell_decode": None},
    ],
)
def test_a_configuration_of_nonsense_is_refused_when_made(fields):
    with pytest.raises(ValueError, match=r"expected .* found"):
        LIIFConfig(**fields)


def test_the_default_configuration_is_the_published_network():
    config = LIIFConfig()
    assert (config.n_feats, len(config.block_widths), config.mlp_in) == (64, 16, 64 * 9 + 4)
    assert config.full_halo == 36
    assert sum(p.numel() for p in LIIF(config).imnet.parameters()) == 346_883
