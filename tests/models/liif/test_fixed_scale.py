import itertools

import pytest
import torch

from models import LIIF, FixedScaleLIIF, LIIFConfig
from models.liif.fixed_scale import hoist_first_layer, plan_phase_queries
from models.liif.network import pixel_centres

# On nets this small a second thread costs more than it brings.
torch.set_num_threads(1)

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (5, 9), (11, 8)]
OPTIONS = [
    dict(zip(("local_ensemble", "feat_unfold", "cell_decode"), values, strict=True))
    for values in itertools.product((True, False), repeat=3)
]


def tiny(**options: object) -> LIIF:
    torch.manual_seed(0)
    settings = {"n_feats": 6, "block_widths": (6, 3), "hidden_widths": (12, 10, 8), **options}
    model = LIIF(LIIFConfig(**settings)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 1.5  # colours that differ from neighbour to neighbour
    return model


def photo(height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def both_forms(model: LIIF, lr: torch.Tensor, scale: int) -> tuple[torch.Tensor, torch.Tensor]:
    h, w = lr.shape[-2:]
    with torch.no_grad():
        return FixedScaleLIIF(model, scale).eval()(lr), model(lr, (scale * h, scale * w))


def well_posed(height: int, width: int, scale: int) -> torch.Tensor:
    """Where the reference form is defined by more than rounding: at ×3 the centre phase of the last LR
    row and column has both neighbours on one pixel at distance 0, so that it divides 0 by 0."""
    mask = torch.ones(height, width, dtype=torch.bool)
    if scale == 3:
        mask[-2] = False
        mask[:, -2] = False
    return mask


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_it_equals_the_reference_form_borders_included(size, scale):
    fixed, reference = both_forms(tiny(), photo(*size, batch=2), scale)
    assert fixed.shape == reference.shape == (2, 3, scale * size[0], scale * size[1])
    mask = well_posed(*fixed.shape[-2:], scale)
    assert (fixed - reference)[..., mask].abs().max() < 1e-5
    assert reference.std() > 1e-2


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "".join("01"[value] for value in o.values()))
def test_it_equals_the_reference_form_with_every_option(options, scale):
    fixed, reference = both_forms(tiny(**options), photo(6, 7), scale)
    mask = well_posed(*fixed.shape[-2:], scale if options["local_ensemble"] else 0)
    assert (fixed - reference)[..., mask].abs().max() < 1e-5


@pytest.mark.parametrize("fields", [{"res_scale": 0.1}, {"hidden_widths": (9,)}, {"block_widths": ()}])
def test_it_equals_the_reference_form_of_other_shapes(fields):
    fixed, reference = both_forms(tiny(**fields), photo(6, 7), 2)
    assert (fixed - reference).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 9), (8, 6)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_where_the_reference_form_divides_zero_by_zero_it_is_the_continuous_limit(size):
    model, lr = tiny(), photo(*size)
    h, w = size
    nudge = 1e-4  # LR pixels, towards the picture's middle
    coord = pixel_centres(3 * h, 3 * w)
    coord[-2, :, 0] -= 2 * nudge / h
    coord[:, -2, 1] -= 2 * nudge / w
    with torch.no_grad():
        fixed = FixedScaleLIIF(model, 3).eval()(lr)
        colours = model.query(
            model.encode(lr), coord.view(1, -1, 2), torch.tensor([2 / (3 * h), 2 / (3 * w)])
        )
    limit = colours.transpose(1, 2).reshape(fixed.shape) * 0.5 + 0.5
    mask = ~well_posed(3 * h, 3 * w, 3)
    assert (fixed - limit)[..., mask].abs().max() < 1e-3


@pytest.mark.parametrize(
    ("scale", "ensemble", "count"), [(2, 1, 16), (3, 1, 25), (4, 1, 64), (2, 0, 4), (3, 0, 9)]
)
def test_queries_without_visible_weight_are_left_out(scale, ensemble, count):
    queries = plan_phase_queries(scale, bool(ensemble))
    assert len(queries) == count
    for phase in itertools.product(range(scale), repeat=2):
        assert sum(e.weight for e in queries if e.phase == phase) == pytest.approx(1)


@pytest.mark.parametrize("scale", [0, 1, 5, -2, 2.5])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match="expected a scale of 2, 3 or 4"):
        FixedScaleLIIF(tiny(), scale)


def test_its_parts_compose_to_the_whole():
    program, lr = FixedScaleLIIF(tiny(), 2).eval(), photo(5, 4)
    with torch.no_grad():
        colours = program.predict(program.encode(lr))
        assert colours.shape == (1, 3 * 16, 5, 4)
        assert torch.equal(program.blend(colours, lr), program(lr))


def test_one_program_serves_every_picture_size():
    model = tiny()
    program = FixedScaleLIIF(model, 2).eval()
    with torch.no_grad():
        for size in SIZES:
            reference = model(photo(*size), (2 * size[0], 2 * size[1]))
            assert (program(photo(*size)) - reference).abs().max() < 1e-5


def test_making_it_leaves_the_model_as_it_was():
    model = tiny()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    program = FixedScaleLIIF(model, 2)
    with torch.no_grad():
        program.hoisted.weight.zero_()
        program.layers[0].weight.zero_()
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_the_hoisted_convolution_is_the_first_layer_over_the_features():
    model, lr = tiny(), photo(5, 6)
    hoisted, coordinates = hoist_first_layer(model)
    assert coordinates.shape == (12, 4)
    with torch.no_grad():
        unfolded = model.encode(lr)  # (1, 54, 5, 6)
        first = model.imnet.linears[0]
        direct = torch.einsum("ok,bkhw->bohw", first.weight[:, :54], unfolded)
        features = model.encoder((lr - 0.5) / 0.5)
        assert torch.allclose(hoisted(features), direct, atol=1e-5)
