"""How this process treats memory that was freed, and threads that wait."""

import ctypes
import os
import sys

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

# Bytes: larger blocks are rare, and go back when they are freed; of smaller ones up to as much is kept.
LARGEST_KEPT = 2**30
MOST_KEPT = 2**31 - 1


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
    """Let OpenMP's threads sleep where they wait for each other; to be called before PyTorch is imported.

    By default they spin. On cores that other programs use, too, a thread then burns the time that the one it
    waits for needs, at each of the tens of thousands of layers that a build runs: on two busy cores an int8
    build took three times as long. What the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
