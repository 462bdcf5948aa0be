"""The report of the artifact that is shown: checked when it is first asked for."""

from edge.check.baseline import EMBEDDED_BUNDLE, Bundle, bundle_of, fits_embedded_bundle, read_bundle
from edge.check.built_in import checked_scale, reference_for
from edge.check.probes import check_probes
from edge.check.report import render_html
from edge.page.networks import Networks
from edge.run.artifact import Artifact


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
    if fits_embedded_bundle(card):
        embedded = read_bundle(EMBEDDED_BUNDLE)
        if embedded.provenance.checkpoint_sha256 == card.checkpoint.sha256:
            return embedded
    model = networks.model("")
    return bundle_of(reference_for(card, model), model, checked_scale(card))
