"""One server and one browser for all tests of the page: their processes take seconds to start."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import DOWNLOADS, headless_chromium
from page_client import PATIENCE, Client, Session, drawn_png, running_page
from page_visit import Visit

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


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("browser")
    with headless_chromium(folder, 1300, 900) as browser:
        browser.set_page_load_timeout(PATIENCE)
        browser.set_script_timeout(PATIENCE)
        browser.downloads = folder / DOWNLOADS
        yield browser


@pytest.fixture
def visit(browser, page) -> Visit:
    return Visit(browser, page.address)


@pytest.fixture
def enlarged(visit) -> Visit:
    """With a picture that is done."""
    visit.choose("#weights", "photo")
    visit.drop(drawn_png=drawn_png(60, 80))
    visit.wait_for("80×60 → 160×120")
    return visit
