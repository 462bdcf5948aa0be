"""Artifacts that come with the package are of its weights and within their limits (test_default_weights
builds one again)."""

from pathlib import Path

import pytest

from edge.cache import find_bigger
from edge.card_reader import read_card
from edge.check.built_in import measure
from edge.embedded import ROUTED, embedded_artifact, embedded_name, embedded_precision
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from models import EMBEDDED, checkpoint_hash, load_checkpoint
from models.liif.router import load_router

ROUTER = EMBEDDED[ROUTED].with_name("fast-router.safetensors")

EVERY = [
    (name, ArtifactSpec(scale, embedded_precision(EMBEDDED[name])))
    for name in EMBEDDED
    for scale in (2, "any")
]


def embedded(name: str, spec: ArtifactSpec) -> Path:
    folder = embedded_artifact(EMBEDDED[name], spec)
    assert folder is not None, f"make artifacts WEIGHTS={name}"
    return folder


@pytest.mark.parametrize(("name", "spec"), EVERY, ids=lambda value: getattr(value, "name", value))
def test_an_embedded_artifact_is_of_the_weights_of_its_name(name, spec):
    card = read_card(embedded(name, spec))
    assert card.checkpoint.sha256 == checkpoint_hash(load_checkpoint(EMBEDDED[name]))
    assert (card.scale, card.precision, card.target) == (spec.scale, spec.precision, spec.target)


@pytest.mark.parametrize(("name", "spec"), EVERY, ids=lambda value: getattr(value, "name", value))
def test_an_embedded_artifact_is_within_its_limits(name, spec):
    assert measure(Artifact.open(embedded(name, spec)), load_checkpoint(EMBEDDED[name])).failures == ()


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_weights_are_found_by_their_hash(name):
    assert embedded_name(checkpoint_hash(load_checkpoint(EMBEDDED[name]))) == name
    assert embedded_name("0" * 64) is None


def test_the_router_is_of_the_embedded_weights_and_sends_cells_to_the_bigger_ones():
    card = read_card(embedded(ROUTED, ArtifactSpec(2, "int8-dynamic")))
    assert card.routing is not None
    router = load_router(ROUTER)
    assert (router.config.smaller, router.config.bigger) == (card.checkpoint.sha256, card.routing.bigger)
    folder, name = find_bigger(card, card.routing, None, pytest.fail)
    assert (folder, name) == (embedded("baseline", ArtifactSpec(2, "int8")), "baseline")


def test_other_checkpoints_and_specs_have_none(tmp_path):
    assert embedded_artifact(tmp_path / "mine.safetensors", ArtifactSpec(2, "int8")) is None
    assert embedded_artifact(EMBEDDED["fast"], ArtifactSpec(3, "int8-dynamic")) is None
    assert embedded_artifact(EMBEDDED["screen"], ArtifactSpec(2, "int8")) is None
    assert embedded_artifact(EMBEDDED["fast"], ArtifactSpec(2, "fp32")) is None
