"""What PyTorch frees stays with the process, so that the kernel need not clear it again and again."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from edge.cli.memory import keep_freed_memory
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
