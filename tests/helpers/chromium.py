"""Headless Chromium, driven by selenium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

DOWNLOADS = "downloads"


@contextmanager
def headless_chromium(folder: Path, width: int, height: int) -> Iterator[Any]:
    """A browser with its profile and its DOWNLOADS in ``folder``; tests are skipped where there is none."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("NOT TESTED: in a browser; apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    quiet = "disable-gpu disable-quic no-first-run disable-background-networking disable-component-update"
    for switch in ("headless", "no-sandbox", *quiet.split(), "disable-sync", f"window-size={width},{height}"):
        options.add_argument(f"--{switch}")
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / DOWNLOADS)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield browser
    finally:
        browser.quit()
