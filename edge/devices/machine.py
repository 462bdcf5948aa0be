"""This machine and what runs on it, in words, to stand beside times."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Instructions that the kernels of some engine choose by.
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "asimd", "asimddp", "i8mm")

ENGINES = ("torch", "executorch", "openvino", "nncf", "onnxruntime", "ncnn")


def processor_name() -> str:
    """The processor's own name where the system tells it, else its architecture."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def describe_machine() -> dict[str, str]:
    """Processor, cores, instructions, system, and the versions of the engines that are installed."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    machine = {
        "processor": processor_name(),
        "cores": str(os.cpu_count()),
        "instructions": " ".join(flag for flag in FLAGS if flag in flags),
        "system": platform.system(),
    }
    for engine in ENGINES:
        try:
            machine[engine] = version(engine)
        except PackageNotFoundError:
            continue
    return machine


def _cpuinfo(field: str) -> str:
    """The first line of Linux's /proc/cpuinfo with ``field``; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""
