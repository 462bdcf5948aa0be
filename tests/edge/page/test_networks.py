"""What is rendered of a region is what the whole enlargement has there."""

import numpy as np
import pytest
import torch

from edge.backends.xnnpack.backend import XNNPACK
from edge.embedded import embedded_artifact
from edge.errors import BadInput
from edge.images.pixels import to_float
from edge.page.networks import Networks
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from edge.run.tiling import Rect
from edge.run.upscale import upscale
from models import EMBEDDED, load_checkpoint
from models.drawings import draw_sheet

LR = to_float(draw_sheet(130, 140, 3).transpose(2, 0, 1))  # four tiles
SIZE = (299, 322)  # ×2.3


@pytest.fixture(scope="module")
def networks():
    return Networks()


def folder(scale) -> object:
    return embedded_artifact(EMBEDDED["photo"], ArtifactSpec(scale, "int8-dynamic", XNNPACK.name))


@pytest.mark.parametrize("region", [Rect(0, 0, 40, 50), Rect(240, 250, 59, 72), Rect(200, 3, 30, 300)])
def test_a_region_has_the_values_of_the_whole(networks, region):
    whole = upscale(Artifact.open(folder("any")), LR, SIZE)
    found = networks.of_page("photo", "int8").render(LR, "a", SIZE, region)
    np.testing.assert_array_equal(found, whole[:, slice(*region.rows), slice(*region.columns)])


def test_another_picture_is_not_taken_for_one_that_was_encoded(networks):
    renderer, region = networks.of_page("photo", "int8"), Rect(0, 0, 30, 30)
    first = renderer.render(LR, "b", SIZE, region)
    assert not np.array_equal(renderer.render(LR[:, ::-1].copy(), "c", SIZE, region), first)
    np.testing.assert_array_equal(renderer.render(LR, "b", SIZE, region), first)


def test_a_tiny_picture_is_extended_as_in_the_command(networks):
    tiny, size = LR[:, 20:23, 30:35], (9, 15)
    whole = upscale(Artifact.open(folder("any")), tiny, size)
    found = networks.of_page("photo", "int8").render(tiny, "d", size, Rect(0, 0, 9, 15))
    np.testing.assert_array_equal(found, whole)


def test_fp32_is_the_reference_network(networks):
    model = load_checkpoint(EMBEDDED["photo"])
    with torch.no_grad():
        whole = model(torch.from_numpy(LR[None]), SIZE)[0].numpy()
    region = Rect(100, 90, 60, 70)
    found = networks.fp32("photo").render(LR, "e", SIZE, region)
    expected = whole[:, slice(*region.rows), slice(*region.columns)]
    assert abs(found - expected).max() < 1e-4


def test_an_artifact_of_one_scale_is_magnified_by_its_fp32_network():
    networks = Networks(folder(2))
    assert networks.of_page("", "int8") is networks.fp32("")
    assert networks.of_page("", "int8").card.precision == "fp32"


def test_an_any_scale_artifact_is_magnified_by_itself():
    networks = Networks(folder("any"))
    assert networks.of_page("", "int8").card == networks.card


def test_an_artifact_whose_network_is_not_there_is_refused():
    with pytest.raises(BadInput, match="expected --checkpoint to be the artifact's"):
        Networks(folder(2), EMBEDDED["fast"])
