"""Devices are configured by name and value, and refuse what they have not."""

from pathlib import Path

import pytest

from edge.devices.table import DEVICES, OPTIONS, configure
from edge.errors import BadInput


def test_options_belong_to_devices_that_exist():
    assert OPTIONS.keys() <= DEVICES.keys()


def test_options_are_set_on_a_copy():
    device = configure(DEVICES["arm64-emulated"], {"cpu": "cortex-a53", "threads": "2"})
    assert (device.cpu, device.settings.threads) == ("cortex-a53", 2)
    assert DEVICES["arm64-emulated"].cpu == "cortex-a76"
    phone = configure(DEVICES["android"], {"serial": "R5", "adb": "x", "remote": "/r", "runner": "a/b"})
    assert (phone.serial, phone.adb, phone.remote, phone.runner) == ("R5", "x", "/r", Path("a/b"))
    assert configure(DEVICES["coreml-interpreted"], {"arithmetic": "exact"}).arithmetic == "exact"
    assert configure(DEVICES["coreml"], {"compute-units": "cpu-only"}).compute_units == "cpu-only"
    assert configure(DEVICES["native"], {"repeat": "3", "warmup": "1"}).settings.repeat == 3


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("host", {"cpu": "x"}, "host: expected an option of none, found 'cpu'"),
        ("native", {"serial": "x"}, "native: expected an option of threads, warmup, repeat, found 'serial'"),
        ("native", {"threads": "two"}, "native, threads: expected a whole number, found 'two'"),
        ("native", {"threads": "0"}, "native, threads: "),
        ("arm64-emulated", {"cpu": "max"}, "arm64-emulated, cpu: .*expected a cpu of"),
        ("coreml", {"compute-units": "gpu"}, "coreml, compute-units: expected one of all, "),
        ("coreml-interpreted", {"arithmetic": "fp8"}, "expected one of exact, fp16, found 'fp8'"),
    ],
)
def test_other_options_and_values_are_refused(name, options, words):
    with pytest.raises(BadInput, match=words):
        configure(DEVICES[name], options)
