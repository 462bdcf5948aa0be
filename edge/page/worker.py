"""A process that enlarges pictures for the server, one after the other.

ExecuTorch's Python runtime holds the interpreter's lock while a tile runs: in the server's own process, pages
and magnifiers would wait for it. And a picture that ends a process ends none of the server's.
"""

import multiprocessing
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from threading import Event
from typing import TYPE_CHECKING

from edge.backends.xnnpack.runtime import runtime_binding
from edge.errors import LiifEdgeError
from edge.page.enlargement import Numbers, Order, Progress, enlarge
from models.errors import ModelError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# Seconds between looks at whether a job was cancelled.
PATIENCE = 0.1

# Seconds for a process to clear up what it has half built.
GRACE = 5


@dataclass(frozen=True)
class Note:
    """What is going on, in words."""

    text: str


@dataclass(frozen=True)
class Failure:
    """Why a picture was not enlarged; ``is_defect``: through no fault of the user's, a traceback."""

    text: str
    is_defect: bool = False


@dataclass(frozen=True)
class Stopped:
    """The work ended because it was asked to."""


Message = Progress | Numbers | Note | Failure | Stopped


class Worker:
    """A process, started now so that what is slow to import is there when a picture comes."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def has_ended(self) -> bool:
        """Whether it can do no more work. Its sentinel says so before its exit code can be asked for."""
        return bool(wait([self._process.sentinel], timeout=0))

    def run(self, order: Order, cancelled: Event) -> Iterator[Message]:
        """Messages as ``order`` is worked on; the last one is Numbers, Failure or Stopped. Once it is
        ``cancelled``, the work ends at the next tile, or with its process where a network is being built."""
        told = builds = False
        try:
            self._pipe.send(order)
            while True:
                if cancelled.is_set() and not told:
                    self._pipe.send(Stopped())
                    told = True
                if told and builds:
                    self.end()
                    builds = False
                if self._pipe.poll(PATIENCE):
                    message: Message = self._pipe.recv()
                    builds = isinstance(message, Note)
                    yield message
                    if isinstance(message, Numbers | Failure | Stopped):
                        return
        except (EOFError, OSError):
            self._process.join()
            yield Failure(
                f"expected the picture to be enlarged, found that its process had ended with exit code "
                f"{self._process.exitcode}; is there too little memory?"
            )

    def end(self) -> None:
        """Ask the process to end, whatever it does; who waits in ``run`` gets a Failure."""
        self._process.terminate()

    def close(self) -> None:
        """Wait for its end, but not for long."""
        self._process.join(GRACE)
        self._process.kill()
        self._process.join()


def _work(pipe: "Connection[Message, Order | Stopped]") -> None:
    """In the process: enlarge what comes, until the server has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's, whose end ends this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # not at once: what is half built is cleared up
    runtime_binding()  # imports what takes seconds before the first picture comes
    with suppress(EOFError, OSError):
        while True:
            order = pipe.recv()
            if isinstance(order, Order):  # else a cancellation that came after its job's end
                pipe.send(_enlarge(order, pipe))


def _enlarge(order: Order, pipe: "Connection[Message, Order | Stopped]") -> Numbers | Failure | Stopped:
    try:
        for step in enlarge(order, lambda text: pipe.send(Note(text))):
            if isinstance(step, Numbers):
                return step
            pipe.send(step)
            if pipe.poll():
                pipe.recv()
                return Stopped()
    except (LiifEdgeError, ModelError) as error:
        return Failure(str(error))
    except MemoryError:
        return Failure("expected enough memory for the picture, found too little")
    except OSError as error:
        return Failure(f"expected room for temporary files, found {error.strerror or error}")
    except Exception:
        return Failure(traceback.format_exc(), is_defect=True)
    raise AssertionError("an enlargement ends with its numbers")
