"""Pages: their links lead somewhere, the files that they name exist, and their commands are ours."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import parser

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "models/weights/README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)
ROOMS = ("apps", "edge", "models", "quantize", "tests")
SUFFIXES = {".cc", ".cmake", ".h", ".py", ".sh", ".toml", ".txt"}

LINK = re.compile(r"\]\(([^()\s]+)\)")
# From the repository's root. A star or a name in capitals stands for any: edge/backends/NAME/export.py.
MENTION = re.compile(
    r"(?<![\w./-])((?:apps|docs|edge|models|quantize|tests)/[\w./*-]*\.(?:md|py|toml|cc|h|sh|npz|svg|png|txt))\b"
)
WEB = ("http:", "https:", "mailto:")


def anchors_of(page: str) -> set[str]:
    """What a link may name behind ``#``: a page's headings as GitHub spells them."""
    prose = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    """Relative links of ``page`` without a file or without a heading."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if link.startswith(WEB):
            continue
        if not target.exists() or (anchor and anchor not in anchors_of(target.read_text(encoding="utf-8"))):
            yield link


def missing_files(text: str) -> set[str]:
    """Files of the repository that ``text`` names and that do not exist."""
    named = set(MENTION.findall(text))
    return {name for name in named if not any(ROOT.glob(re.sub(r"(?<=/)[A-Z_]+(?=[/.])", "*", name)))}


def sources() -> list[Path]:
    """Files of the repository with docstrings or comments."""
    listed = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in SUFFIXES]
    return [ROOT / "pyproject.toml", ROOT / "Makefile", *(path for path in listed if path != Path(__file__))]


def commands(page: str) -> list[str]:
    """Commands of the blocks of ``page``, without prompt, comment and what runs before or after them."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [found[1] for line in lines if (found := re.match(r"(?:\$ )?liif-edge (.*)", line))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_are_understood(page):
    ours = parser()
    for command in commands(page.read_text(encoding="utf-8")):
        ours.parse_args(shlex.split(command, comments=True))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page):
    assert missing_files(page.read_text(encoding="utf-8")) == set()


def test_files_that_code_names_in_docstrings_and_comments_exist():
    missing = {
        str(path.relative_to(ROOT)): found
        for path in sources()
        if (found := missing_files(path.read_text(encoding="utf-8")))
    }
    assert missing == {}


def test_every_page_is_linked_from_the_readme():
    linked = {
        (ROOT / link.partition("#")[0]).resolve() for link in LINK.findall((ROOT / "README.md").read_text())
    }
    assert [page for page in (ROOT / "docs").rglob("*.md") if page.resolve() not in linked] == []


def test_commands_are_found_behind_a_prompt_and_over_two_lines():
    page = "liif-edge no block\n```\n$ liif-edge info x  # why\nx.png: 3x5\nliif-edge bench \\\n    y\n```\n"
    assert commands(page) == ["info x  # why", "bench      y"]


def test_a_broken_link_a_missing_heading_and_a_missing_file_are_found(tmp_path):
    (tmp_path / "there.md").write_text("# What clips?\n```\n# no heading\n```\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](gone.md) [c](there.md#what-clips) [d](there.md#no-heading) [e](https://x.y)"
    )
    assert list(broken_links(page)) == ["gone.md", "there.md#no-heading"]
    text = (
        "edge/gone.py edge/card.py docs/design/gone.md edge/backends/NAME/export.py edge/backends/*/gone.py"
    )
    assert missing_files(text) == {"edge/gone.py", "docs/design/gone.md", "edge/backends/*/gone.py"}
