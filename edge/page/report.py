"""The report of the artifact that is shown: checked when it is first asked for."""

from edge.check.baseline import EMBEDDED_BUNDLE, Bundle, bundle_of, read_bundle, run_reference
from edge.check.probes import check_probes
from edge.check.report import render_html
from edge.images.pictures import baseline_pictures
from edge.page.networks import Networks
from edge.run.artifact import Artifact

# What any-scale artifacts are checked at: no whole number.
CHECKED_ZOOM = 2.6

CHECKED_TILE = 64  # LR pixels, for programs that take any tile


def checked_report(networks: Networks) -> str:
    """The page that ``liif-edge check --report`` writes, of the artifact of ``networks``."""
    assert networks.artifact is not None and networks.card is not None
    artifact = Artifact.open(networks.artifact)
    bundle = _bundle(networks)
    return render_html(check_probes(artifact, bundle), artifact.card, bundle.provenance, artifact.ran_on)


def _bundle(networks: Networks) -> Bundle:
    """The embedded bundle where it fits, else one of the artifact's network."""
    card = networks.card
    assert card is not None
    if card.scale == 2 and card.tile.fixed is None:
        embedded = read_bundle(EMBEDDED_BUNDLE)
        if embedded.provenance.checkpoint_sha256 == card.checkpoint.sha256:
            return embedded
    model = networks.model("")
    scale = CHECKED_ZOOM if card.scale == "any" else float(card.scale)
    pictures = baseline_pictures(None, card.tile.fixed or CHECKED_TILE)
    return bundle_of(run_reference(model, pictures, scale), model, scale)
