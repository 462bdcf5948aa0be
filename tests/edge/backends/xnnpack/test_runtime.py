"""Tests of ``edge.backends.xnnpack.runtime``: what no artifact's test sees of it."""

import gc
import signal
import subprocess
import sys

import numpy as np
import pytest

from edge.backends.backend import PTE_FILE
from edge.backends.xnnpack.runtime import HostProgram, collector_at_rest, interruption_deferred
from edge.errors import BadArtifact


def test_a_program_that_loads_and_fails_on_its_input_is_an_error_of_ours(tiny):
    program = HostProgram(tiny.artifact(2, "fp32") / PTE_FILE)
    too_large = np.zeros((1, 3, 300, 300), np.float32)  # for 64 pixels a side
    with pytest.raises(BadArtifact, match=r"model\.pte: method forward does not run: .*0x"):
        program.run("forward", {"lr": too_large})
    assert program.run("forward", {"lr": too_large[:, :, :8, :8]}).shape == (1, 3, 16, 16)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_waits_for_what_it_would_abort(number):
    before = signal.signal(number, signal.default_int_handler)
    done = []
    try:
        with pytest.raises(KeyboardInterrupt), interruption_deferred():
            signal.raise_signal(number)
            done.append("all of it")
        assert done == ["all of it"]
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_without_an_interruption_nothing_happens():
    before = signal.getsignal(signal.SIGINT)
    with interruption_deferred():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


# Prints how often the collector went through what there is while the runtime was imported.
COLLECTIONS = """
import gc
from edge.backends.xnnpack.runtime import runtime_binding
collections = []
gc.callbacks.append(lambda phase, _: collections.append(phase))
runtime_binding()
print(collections.count("start"), gc.isenabled())
"""


def test_the_collector_rests_while_the_runtime_is_imported():
    done = subprocess.run([sys.executable, "-c", COLLECTIONS], capture_output=True, text=True, check=True)
    count, is_enabled = done.stdout.split()
    assert int(count) < 10 and is_enabled == "True"  # hundreds, if it does not rest


def test_the_collector_is_left_as_it_was():
    assert gc.isenabled()
    with pytest.raises(ValueError), collector_at_rest():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_at_rest():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
