"""Memory that was freed stays with the process, and waiting threads sleep."""

import os
import subprocess
import sys

import pytest

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


def wait_policy(**chosen: str) -> str:
    """What OpenMP says of waiting threads when PyTorch has loaded it after ``let_threads_sleep``."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    program = "from edge.cli.process import let_threads_sleep; let_threads_sleep(); import torch"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "true", **chosen},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line)
    return line.split("'")[1]


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux with PyTorch's OpenMP")
def test_waiting_threads_sleep_unless_the_user_has_them_spin():
    assert wait_policy() == "PASSIVE"
    assert wait_policy(OMP_WAIT_POLICY="active") == "ACTIVE"
