"""One server for all tests of the page: its processes take seconds to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_client import Client, Session, drawn_png, running_page

from edge.page.networks import Networks
from edge.page.server import Page


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Where the server has its temporary files."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="session")
def page(folder) -> Iterator[Page]:
    with running_page(Networks(), folder) as page:
        yield page


@pytest.fixture
def client(page) -> Client:
    return Client(page.address)


@pytest.fixture
def session(client) -> Iterator[Session]:
    with client.session() as session:
        yield session


@pytest.fixture(scope="session")
def drawn() -> bytes:
    """A small PNG file."""
    return drawn_png(60, 80)
