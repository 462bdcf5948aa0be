"""Tests of ``edge.backends.xnnpack.runtime``: what no artifact's test sees of it."""

import signal

import pytest

from edge.backends.xnnpack.runtime import interruption_deferred


def test_an_interruption_waits_for_what_it_would_abort():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done = []
    try:
        with pytest.raises(KeyboardInterrupt), interruption_deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")
        assert done == ["all of it"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_without_an_interruption_nothing_happens():
    before = signal.getsignal(signal.SIGINT)
    with interruption_deferred():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
