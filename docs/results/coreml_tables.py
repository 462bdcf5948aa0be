"""Core ML packages and their palettes."""

from typing import Any

from cells import marked
from page_tables import Records, lines, signed

CORE_ML = {
    "baseline-x2-fp16-coreml": "`fp16`",
    "baseline-x2-int8-weights-coreml": "`int8-weights`",
    "baseline-x2-palette6-coreml": "`palette6`",
    "baseline-x2-palette4-coreml": "`palette4`",
    "baseline-x2-palette-mixed-coreml-plan": "`palette-mixed`, at most 800 KB",
    "baseline-x2-int8-coreml": "`int8`; on BSD100 with ranges from images alone",
}


def coreml(records: Records) -> str:
    """PSNR-Y and size of Core ML packages."""
    rows = []
    for way, shown in CORE_ML.items():
        scores = []
        for data in ("Set5", "BSD100-tenth"):
            record = records[f"eval {way} {data}"]
            score = f"{record['artifact']['psnr_y']:.3f} ({signed(-record['lost_db'], plus='+')})"
            scores.append(marked(score, record))
        rows.append([shown, *scores, f"{records[f'build {way}']['bytes']:,}"])
    return lines(["precision", "Set5", "BSD100, ten images", "package, bytes"], rows)


def palettes(records: Records) -> str:
    """What the costliest layers cost at each bit width."""
    record = records["sensitivity palette-mixed"]
    widths = list(record["all"]["loss_db"])

    def costs(of: dict[str, Any]) -> list[str]:
        return [signed(of["loss_db"][width], 4) for width in widths]

    def bits(width: str) -> str:
        return width.removeprefix("palette")

    rows = [
        [f"`{layer['path']}`", f"{layer['weights']:,}", *costs(layer), f"{bits(layer['chosen'])} bits"]
        for layer in record["costliest"]
    ]
    others, every = record["others"], record["all"]
    (first, count), *more = others["chosen"].items()
    chosen = f"{count} in {bits(first)} bits" + "".join(f", {n} in {bits(width)}" for width, n in more)
    rows.append([f"the other {others['count']}, at most", "", *costs(others), chosen])
    rows.append(["all", f"{every['weights']:,}", *costs(every), ""])
    return lines(["layer", "weights", *widths, "chosen"], rows)
