"""What checks compare with: what the tiny network makes of the built-in pictures, computed once."""

import pytest
from bundles import make_bundle

from edge.check.baseline import Bundle
from edge.images.pictures import baseline_pictures


@pytest.fixture(scope="session")
def bundle(tiny) -> Bundle:
    return make_bundle(tiny.model, baseline_pictures(None, 32), 2.0)
