"""Tables that stand in pages of the documentation, between ``<!-- table: NAME -->`` and ``<!-- end -->``;
everything around is written by hand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

Records = dict[str, dict[str, Any]]  # what records.json holds, by name


@dataclass(frozen=True)
class Table:
    """A table by name, its page from the repository's root, and what its lines are."""

    name: str
    page: str
    render: Callable[[Records], str]

    @property
    def markers(self) -> tuple[str, str]:
        """The lines before and after it."""
        return f"<!-- table: {self.name} -->\n", "<!-- end -->\n"


def table_in(page: str, table: Table) -> str:
    """The text of ``table`` in ``page``. Raises LookupError for a page without its markers."""
    begin, end = table.markers
    if begin not in page or end not in page.partition(begin)[2]:
        raise LookupError(f"{table.page}: expected the markers of the table {table.name}, found none")
    return page.partition(begin)[2].partition(end)[0]


def write_tables(tables: Iterable[Table], records: Records) -> None:
    """Put every table in its page. Raises LookupError for a page without its markers."""
    for table in tables:
        path = ROOT / table.page
        page = path.read_text(encoding="utf-8")
        begin, end = table.markers
        old, new = (begin + text + end for text in (table_in(page, table), table.render(records)))
        path.write_text(page.replace(old, new), encoding="utf-8")


def lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, as it stands in a page."""
    every = ["|" + "|".join(f" {cell} " if cell else " " for cell in row) + "|" for row in (header, *rows)]
    return "\n".join([every[0], "|---" * len(header) + "|", *every[1:]]) + "\n"


def signed(value: float, digits: int = 3, plus: str = "") -> str:
    """With a minus that is as wide as a plus; zero has no sign."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else plus) + text
