"""Memory that was freed stays with the process, waiting threads sleep, and the end comes at once."""

import os
import subprocess
import sys

import pytest

from edge.cli.process import SPINS

FAULTS = """
import resource
import torch
from edge.cli.process import keep_freed_memory
{first}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
before = faults()
for _ in range(20):
    torch.ones(2**24)
print(faults() - before)
"""


def faults(first: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux with glibc")
def test_what_was_freed_is_not_cleared_again():
    assert faults("keep_freed_memory()") < faults("") / 10


def spins(**chosen: str) -> str:
    """How long OpenMP says that threads spin when PyTorch has loaded it after ``let_threads_sleep``."""
    own = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    program = "from edge.cli.process import let_threads_sleep; let_threads_sleep(); import torch"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "verbose", **chosen},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line)
    return line.split("'")[1]


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux with PyTorch's OpenMP")
def test_waiting_threads_soon_sleep_unless_the_user_has_them_spin():
    assert spins() == SPINS
    assert spins(GOMP_SPINCOUNT="77") == "77"
    assert int(spins(OMP_WAIT_POLICY="active")) > int(SPINS)


def test_at_its_end_a_process_does_not_look_for_garbage():
    program = """
import atexit, gc
from edge.cli.process import end_at_once
atexit.register(lambda: print(gc.get_freeze_count(), len(gc.get_objects())))
end_at_once()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    n_frozen, n_left = map(int, done.stdout.split())
    assert n_frozen > 1000 > n_left
