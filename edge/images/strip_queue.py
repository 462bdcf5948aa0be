"""One loop over strips for several readers, each of which wants a loop of its own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Full, Queue

from edge.images.pixels import Samples

# Goes through strips once, from the first to the last that it needs.
Reader = Callable[[Iterable[Samples]], None]

# Between two looks at whether a reader that takes nothing has ended, in seconds.
_LOOK = 0.1


class Stopped(Exception):
    """The rest of the strips will not come, since somewhere else something failed."""


def read_in_step(readers: Sequence[Reader], rows: Iterable[Sequence[Samples]]) -> None:
    """Let each of ``readers`` go through its own strips, of which each of ``rows`` has one for each of them.

    The first one reads in this thread, in which ``rows`` go on, too; the others in threads. None is more than
    two strips behind. Raises what ``rows`` or a reader does, after all have ended; to the others it is the
    end of their strips: Stopped.
    """
    first, *others = readers
    with ThreadPoolExecutor(max(1, len(others))) as pool:
        columns = [_Column() for _ in others]

        def own() -> Iterator[Samples]:
            for strip, *rest in rows:
                for column, other in zip(columns, rest, strict=True):
                    column.put(other)
                yield strip

        try:
            for column, reader in zip(columns, others, strict=True):
                column.start(pool, reader)
            first(own())
            for column in columns:
                column.put(None)
        except BaseException:
            for column in columns:
                column.stop()
            raise
        for column in columns:
            column.wait()


class _Column:
    """The strips of one reader."""

    def __init__(self) -> None:
        self._strips: Queue[Samples | None] = Queue(1)
        self._is_stopped = False

    def start(self, pool: ThreadPoolExecutor, reader: Reader) -> None:
        """Let ``reader`` read in a thread of ``pool``, until it is given None or stopped: one of both has to
        follow, wherever an interruption comes."""
        self._reading: Future[None] = pool.submit(reader, self._taken())

    def put(self, strip: Samples | None) -> None:
        """The next strip, or None after the last. Raises what the reader has raised meanwhile."""
        while not self._reading.done():
            try:
                return self._strips.put(strip, timeout=_LOOK)
            except Full:
                continue
        self.wait()

    def stop(self) -> None:
        """Whatever the reader takes next is Stopped."""
        self._is_stopped = True
        if self._strips.empty():
            self._strips.put(None)

    def wait(self) -> None:
        """For the end of the reader. Raises what it has raised."""
        self._reading.result()

    def _taken(self) -> Iterator[Samples]:
        while True:
            strip = self._strips.get()
            if self._is_stopped:
                raise Stopped
            if strip is None:
                return
            yield strip
