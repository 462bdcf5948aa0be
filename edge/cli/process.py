"""How this process treats freed memory, waiting threads, its end, signals, and streams that are closed."""

import atexit
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

# Bytes: larger blocks are rare, and go back when they are freed; of smaller ones up to as much is kept.
LARGEST_KEPT = 2**30
MOST_KEPT = 2**31 - 1

# Rounds that a waiting thread of GNU's OpenMP spins before it sleeps.
SPINS = "20000"

# Exit codes: 128 + SIGINT, + SIGTERM, as shells have it.
INTERRUPTED, TERMINATED = 130, 143


def keep_freed_memory() -> None:
    """Let this process keep what it frees, for what it allocates next.

    By default glibc gives every large block back at once, and the kernel clears it anew for the next layer:
    on two cores of a virtual machine that was more than half of the time of the fp32 network in PyTorch.
    Elsewhere than on Linux with glibc nothing happens.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        libc.mallopt(M_TRIM_THRESHOLD, MOST_KEPT)


def let_threads_sleep() -> None:
    """Let OpenMP's threads sleep soon where they wait for each other. Call it before PyTorch is imported.

    By default they spin long. On cores that other programs use, too, a thread then burns the time that the
    one it waits for needs, at each of the tens of thousands of layers that a build runs: a 3x3 layer on two
    busy cores took 5 to 7 ms, and takes 2.4; on idle ones as long as before. Without any spinning it is 1.8
    on busy cores, and a build on idle ones a seventh slower. What the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def end_at_once() -> None:
    """Let this process end without a last search for garbage.

    Python's collector goes through all that PyTorch has made, several times, to free what the system takes
    back anyway: 0.5 s of the 2.2 s of processor time that an icon took.
    """
    atexit.register(gc.freeze)


def open_closed_streams() -> list[int]:
    """Open what of standard input, output and error, 0, 1 and 2, is closed (``>&-``) to nothing; which were.

    Else the next file that is opened takes its number, and what third parties print goes into that file.
    """
    closed = []
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
            closed.append(number)
    return closed


class Terminated(BaseException):
    """SIGTERM has come."""


@contextmanager
def sigterm_raised() -> Iterator[None]:
    """Within it SIGTERM is raised as Terminated, so that what is half-written is removed.

    In other threads than the main one Python handles no signals, and nothing is changed.
    """
    try:
        before = signal.signal(signal.SIGTERM, _raise_terminated)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_terminated(number: int, frame: object) -> None:
    raise Terminated
