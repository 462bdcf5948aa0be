"""Work that says how many pieces it has, so that whoever does it can show how far it has come."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Piece = TypeVar("Piece")


@dataclass(frozen=True)
class Work(Generic[Piece]):
    """``count`` pieces, each of them done when a loop comes to it; good for one loop."""

    count: int
    pieces: Iterator[Piece]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Piece]:
        return self.pieces
