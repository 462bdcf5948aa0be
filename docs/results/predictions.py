"""What the embedded weights would take on phones, predicted from what others measured there."""

from dataclasses import dataclass

from models import EMBEDDED, load_checkpoint
from models.liif.cost import count_macs

SCALE = 2


@dataclass(frozen=True)
class PhoneRun:
    """A network that somebody timed on a part of a phone. ``multiplications``: of one run, in millions."""

    phone: str
    runs_on: str
    network: str
    multiplications: float
    milliseconds: float
    source: str

    @property
    def rate(self) -> float:
        """10⁹ multiplications a second."""
        return self.multiplications / self.milliseconds


_AI_HUB = "https://huggingface.co/qualcomm"

# MobileNet v1 has 569 million multiplications (arXiv 1704.04861, table 8), MobileOne-S0 and S4 have 275 and
# 2,978 (arXiv 2206.04040); QuickSRNets convolve at LR: theirs are parameters times 128x128 pixels.
RUNS = (
    PhoneRun("Pixel 3a", "CPU, XNNPACK, fp32", "MobileNet v1", 569, 46, "https://github.com/google/XNNPACK"),
    PhoneRun("Pixel 2", "CPU, XNNPACK, fp32", "MobileNet v1", 569, 27, "https://github.com/google/XNNPACK"),
    PhoneRun(
        *("iPhone 11 Pro", "GPU, TensorFlow Lite", "MobileNet v1", 569, 10.91),
        "https://github.com/freedomtan/glDelegateBenchmark",
    ),
    PhoneRun(
        *("iPhone 11 Pro", "Neural Engine, Core ML", "MobileNet v1", 569, 2.03),
        "https://github.com/freedomtan/glDelegateBenchmark",
    ),
    PhoneRun(
        *("iPhone 12 Pro", "Neural Engine, Core ML", "MobileOne-S0", 275, 0.79),
        "https://github.com/apple/ml-mobileone",
    ),
    PhoneRun(
        *("iPhone 12 Pro", "Neural Engine, Core ML", "MobileOne-S4", 2978, 1.86),
        "https://github.com/apple/ml-mobileone",
    ),
    PhoneRun(
        *("Galaxy S24", "NPU, QNN, fp16", "QuickSRNet-Small", 0.0272 * 128**2, 0.638),
        f"{_AI_HUB}/QuickSRNetSmall",
    ),
    PhoneRun(
        *("Galaxy S24", "NPU, QNN, fp16", "QuickSRNet-Large", 0.424 * 128**2, 1.398),
        f"{_AI_HUB}/QuickSRNetLarge",
    ),
    PhoneRun(
        *("Galaxy S24", "NPU, QNN, int8", "QuickSRNet-Large", 0.424 * 128**2, 0.407),
        f"{_AI_HUB}/QuickSRNetLarge",
    ),
)


def measured_by_others() -> list[list[str]]:
    """A row for each of ``RUNS``."""
    return [
        [
            each.phone,
            each.runs_on,
            f"[{each.network}]({each.source})",
            f"{each.multiplications:,.0f}",
            f"{each.milliseconds:g}",
            f"{each.rate:,.0f}",
        ]
        for each in RUNS
    ]


def predicted() -> tuple[list[str], list[list[str]]]:
    """Milliseconds per output megapixel at ×2 of each embedded weight, at the rate of each of ``RUNS``: the
    header, and the rows."""
    per_pixel = {
        name: count_macs(load_checkpoint(path).config, SCALE).total / SCALE**2
        for name, path in EMBEDDED.items()
    }
    rows = []
    for each in RUNS:
        times = [_rounded(multiplications / each.rate) for multiplications in per_pixel.values()]
        rows.append([f"{each.phone}, {each.runs_on}, as {each.network}", *times])
    header = [f"{name} ({n / 1e3:,.0f} thousand a pixel)" for name, n in per_pixel.items()]
    return ["predicted, ms per megapixel", *header], rows


def _rounded(milliseconds: float) -> str:
    """Two digits: more would say that it is known."""
    if milliseconds < 10:
        return f"{milliseconds:.1f}"
    digits = len(f"{milliseconds:.0f}") - 2
    return f"{round(milliseconds, -digits):,.0f}"
