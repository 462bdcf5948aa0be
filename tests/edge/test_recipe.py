"""Recipes are validated once, when they are made."""

import math
from dataclasses import FrozenInstanceError

import pytest

from edge.backends.table import BACKENDS
from edge.errors import BadInput
from edge.mixed_precision_config import MixedPrecisionConfig
from edge.recipe import DEFAULT_RECIPE, MAX_SCALE, ArtifactSpec, Recipe, check_scale
from models import DEFAULT_WEIGHTS


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ((2, "int8"), "liif-x2-int8-xnnpack"),
        ((3, "fp32", "xnnpack"), "liif-x3-fp32-xnnpack"),
        (("any", "fp16", "coreml"), "liif-any-fp16-coreml"),
        ((2, "fp16", "coreml-pte"), "liif-x2-fp16-coreml-pte"),
        ((4, "int8-weights", "coreml"), "liif-x4-int8-weights-coreml"),
    ],
)
def test_an_artifacts_name_says_what_it_is(spec, name):
    assert ArtifactSpec(*spec).name == name


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ((5, "fp32"), "expected a scale of 2, 3, 4 or any, found 5"),
        ((1, "fp32"), "found 1"),
        (("2", "fp32"), "found 2"),
        ((2.5, "fp32"), "found 2.5"),
        ((2, "fp32", "tflite"), "expected a target of xnnpack, coreml, coreml-pte, found tflite"),
        ((2, "fp16"), "expected a precision of fp32, int8-dynamic, int8 for xnnpack, found fp16"),
        ((2, "palette6"), "expected a precision of fp32, int8-dynamic, int8 for xnnpack, found palette6"),
        ((2, "palette6", "coreml-pte"), "expected a precision of fp32, fp16, int8 for coreml-pte"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(spec, message):
    with pytest.raises(BadInput, match=message):
        ArtifactSpec(*spec)


def test_every_target_has_every_scale():
    kinds = [(target, p) for target, backend in BACKENDS.items() for p in backend.precisions]
    names = {ArtifactSpec(scale, p, target).name for target, p in kinds for scale in (2, 3, 4, "any")}
    assert len(names) == 4 * len(kinds)


def test_mixed_palettes_need_layers_and_layers_a_precision_that_has_them():
    config = MixedPrecisionConfig(layers={"hoisted": "palette3"})
    mixed = ArtifactSpec(2, "palette-mixed", "coreml")
    assert Recipe((mixed,), layers=config).layers is config
    with pytest.raises(BadInput, match="expected layers for palette-mixed, found none"):
        Recipe((ArtifactSpec(2, "fp32"), mixed))
    with pytest.raises(BadInput, match="expected an artifact in int8 or palette-mixed"):
        Recipe((ArtifactSpec(2, "palette6", "coreml"),), layers=config)


def test_the_default_recipe_makes_the_four_artifacts_of_the_embedded_weights():
    assert {spec.name for spec in DEFAULT_RECIPE.artifacts} == {
        "liif-x2-int8-xnnpack",
        "liif-x2-fp32-xnnpack",
        "liif-any-fp32-xnnpack",
        "liif-x2-fp16-coreml",
    }
    assert DEFAULT_RECIPE.checkpoint == DEFAULT_WEIGHTS


@pytest.mark.parametrize(("tile", "halo"), [(16, 8), (15, 8), (257, 8), (0, 0), (-4, 0)])
def test_a_tile_must_hold_more_than_its_halo_and_fit_the_program(tile, halo):
    with pytest.raises(BadInput, match="expected a tile larger than two halos"):
        Recipe((), tile=tile, halo=halo)


def test_the_largest_and_the_smallest_tiles_are_allowed():
    Recipe((), tile=17, halo=8)
    Recipe((), tile=128, halo=8)
    Recipe((), tile=256, halo=8, max_tile=256)
    Recipe((), tile=1, halo=0, max_tile=1)


def test_recipes_do_not_change():
    with pytest.raises(FrozenInstanceError):
        DEFAULT_RECIPE.tile = 64


@pytest.mark.parametrize("scale", [1, 1.0, 1.37, 2, 29.99, MAX_SCALE])
def test_scales_of_the_paper_pass_unchanged(scale):
    assert check_scale(scale) == scale


@pytest.mark.parametrize("scale", [0, -1, 0.999, 30.001, 100, math.nan, math.inf, -math.inf])
def test_other_scales_are_refused(scale):
    with pytest.raises(BadInput, match=f"expected a scale from 1 to 30, found {scale:g}"):
        check_scale(scale)
