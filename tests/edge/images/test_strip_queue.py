"""Several readers go through strips of their own in step, and end together."""

import threading
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from edge.images.pixels import Samples
from edge.images.strip_queue import Stopped, read_in_step


@pytest.fixture(autouse=True)
def _every_thread_ends() -> Iterator[None]:
    before = set(threading.enumerate())  # of which some may end meanwhile
    yield
    assert set(threading.enumerate()) <= before


def rows(n: int, n_readers: int = 3, asked: list[int] | None = None) -> Iterator[list[Samples]]:
    """``n`` strips for each reader, of its number and the strip's; ``asked`` gets the latter."""
    for number in range(n):
        if asked is not None:
            asked.append(number)
        yield [np.full((1, 1, 1), 10 * reader + number, np.uint8) for reader in range(n_readers)]


class Reader:
    """It keeps what it reads, and fails before the strip ``fails_at``; ``ended``: how it ended."""

    def __init__(self, fails_at: int | None = None) -> None:
        self._fails_at = fails_at
        self.read: list[int] = []
        self.ended: BaseException | None = None

    def __call__(self, strips: Iterable[Samples]) -> None:
        try:
            for strip in strips:
                if len(self.read) == self._fails_at:
                    raise OSError("no room")
                self.read.append(int(strip.item()))
        except BaseException as error:
            self.ended = error
            raise


def test_each_reader_gets_its_own_strips_in_order():
    readers = [Reader(), Reader(), Reader()]
    read_in_step(readers, rows(5))
    assert [reader.read for reader in readers] == [[10 * r + n for n in range(5)] for r in range(3)]


def test_one_reader_reads_without_another_thread():
    reader, threads = Reader(), set(threading.enumerate())
    read_in_step([reader], (row for row in rows(3, 1) if set(threading.enumerate()) <= threads))
    assert reader.read == [0, 1, 2]


def test_a_reader_may_stop_at_the_last_strip_that_it_needs():
    def one(strips: Iterable[Samples]) -> None:
        next(iter(strips))

    read_in_step([one, one, Reader()], rows(1))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_where_a_reader_fails_the_others_are_stopped(number):
    readers, asked = [Reader(), Reader(), Reader()], []
    readers[number] = Reader(fails_at=2)
    with pytest.raises(OSError, match="no room"):
        read_in_step(readers, rows(100, asked=asked))
    assert len(asked) < 8
    assert isinstance(readers[0].ended, OSError)  # the rows, which it goes through itself, end by it
    for reader in readers[1:]:
        assert isinstance(reader.ended, OSError if reader is readers[number] else Stopped)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_where_the_strips_end_early_every_reader_is_stopped(error):
    def cut() -> Iterator[list[Samples]]:
        yield from rows(3)
        raise error

    readers = [Reader(), Reader(), Reader()]
    with pytest.raises(error):
        read_in_step(readers, cut())
    assert isinstance(readers[0].ended, error)
    assert all(isinstance(reader.ended, Stopped) for reader in readers[1:])


def test_no_reader_is_far_behind():
    asked: list[int] = []
    go_on = threading.Event()

    def slow(strips: Iterable[Samples]) -> None:
        for number, _ in enumerate(strips):
            if number == 0:
                go_on.wait(10)
            assert asked[-1] <= number + 3

    def first(strips: Iterable[Samples]) -> None:
        for number, _ in enumerate(strips):
            if number == 1:
                threading.Timer(0.2, go_on.set).start()

    read_in_step([first, slow], rows(6, 2, asked))
    assert asked == [*range(6)]
