"""All devices, by the names that the command line knows."""

from edge.devices.android import AndroidDevice
from edge.devices.arm64 import Arm64Device
from edge.devices.device import Device
from edge.devices.local import LocalDevice
from edge.devices.native import NativeDevice

DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        LocalDevice("host", "the package executorch", "xnnpack", "executorch"),
        NativeDevice(),
        Arm64Device(),
        AndroidDevice(),
        LocalDevice("coreml", "macOS and the package coremltools", "coreml", "coremltools"),
        LocalDevice(
            "coreml-interpreted", "the package coremltools", "coreml", "coremltools", arithmetic="fp16"
        ),
    )
}
