"""All devices, by the names that the command line knows, and the options that each has."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from edge.backends.backend import Arithmetic
from edge.backends.coreml.backend import COMPUTE_UNITS
from edge.backends.table import BACKENDS
from edge.devices.android import AndroidDevice
from edge.devices.arm64 import Arm64Device
from edge.devices.device import Device
from edge.devices.local import LocalDevice
from edge.devices.native import NativeDevice
from edge.errors import BadInput

EXECUTORCH, COREML = (
    tuple(name for name, backend in BACKENDS.items() if backend.runtime == runtime)
    for runtime in ("executorch", "coreml")
)

DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        LocalDevice("host", "the package executorch", EXECUTORCH, "executorch"),
        NativeDevice(),
        Arm64Device(),
        AndroidDevice(),
        LocalDevice("coreml", "macOS and the package coremltools", COREML, "coremltools", "darwin"),
        LocalDevice(
            "coreml-interpreted", "the package coremltools", COREML, "coremltools", arithmetic="fp16"
        ),
    )
}

# What the command line calls a folder that a device wrote by itself (``edge.check.device_outputs``), beside
# these, and what it needs.
FILES = "files"
FILES_NEED = "--outputs DIR: what a device made of the inputs that baseline --export wrote"

# A device with one option set. ``Any``: each row of OPTIONS is for one class of device.
Setter = Callable[[Any, str], Any]


def _one_of(choices: Mapping[str, object] | tuple[str, ...], name: str) -> Setter:
    def set_it(device: Any, value: str) -> Any:
        if value not in choices:
            raise BadInput(f"expected one of {', '.join(choices)}, found {value!r}")
        return replace(device, **{name: value})

    return set_it


def _count(name: str) -> Setter:
    """Sets ``name`` of a runner's settings: ``threads``, ``warmup`` or ``repeat``."""

    def set_it(device: Any, value: str) -> Any:
        if not value.isdecimal() or len(value) > 6:
            raise BadInput(f"expected a whole number, found {value!r}")
        return replace(device, settings=replace(device.settings, **{name: int(value)}))

    return set_it


_MEASURED = {name: _count(name) for name in ("threads", "warmup", "repeat")}

OPTIONS: dict[str, dict[str, Setter]] = {
    "native": _MEASURED,
    "arm64-emulated": {"cpu": lambda device, value: replace(device, cpu=value), **_MEASURED},
    "android": {
        "serial": lambda device, value: replace(device, serial=value),
        "adb": lambda device, value: replace(device, adb=value),
        "remote": lambda device, value: replace(device, remote=value),
        "runner": lambda device, value: replace(device, runner=Path(value)),
        **_MEASURED,
    },
    "coreml": {"compute-units": _one_of(COMPUTE_UNITS, "compute_units")},
    "coreml-interpreted": {"arithmetic": _one_of(get_args(Arithmetic), "arithmetic")},
}


def configure(device: Device, options: Mapping[str, str]) -> Device:
    """``device`` with ``options`` set. Raises BadInput for one that it has not, or another value."""
    for name, value in options.items():
        known = OPTIONS.get(device.name, {})
        if name not in known:
            raise BadInput(
                f"{device.name}: expected an option of {', '.join(known) or 'none'}, found {name!r}"
            )
        try:
            device = known[name](device, value)
        except BadInput as error:
            raise BadInput(f"{device.name}, {name}: {error}") from error
    return device
