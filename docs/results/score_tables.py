"""PSNR and SSIM of the embedded weights, and the worst cases of every way down."""

from collections.abc import Callable
from typing import Any

from cells import score_cell
from page_tables import Records, lines
from ways import SHOWN_AT_WORST

SETS = (("Set5", "2"), ("Set5", "3"), ("Set5", "4"), ("BSD100", "2"))


def baseline_scores(records: Records) -> str:
    """The embedded weights in fp32, and bicubic."""
    rows = [
        [
            data,
            f"×{scale}",
            *(score_cell(records, f"baseline-x{scale}-int8", m, data) for m in ("fp32", "bicubic")),
        ]
        for data, scale in SETS
    ]
    return lines(["set", "scale", "fp32", "bicubic"], rows)


def scores_beside_the_baseline(weights: str) -> Callable[[Records], str]:
    """A table of ``weights`` and the baseline, both in fp32."""

    def scores(records: Records) -> str:
        rows = [
            [
                data,
                f"×{scale}",
                *(score_cell(records, f"{w}-x{scale}-int8", "fp32", data) for w in (weights, "baseline")),
            ]
            for data, scale in SETS
            if f"eval {weights}-x{scale}-int8 {data}" in records  # not of an artifact that was refused
        ]
        return lines(["set", "scale", "fp32", "baseline, fp32"], rows)

    return scores


WORST_HEADER = ("way", "card: dB", "block", "flat", "Set5 lost, dB", "most", "least dB", "block", "flat")


def worst_cases(records: Records) -> str:
    """Every way at its worst, and the names of those that are not measured."""
    rows, missing = [], []
    for way in SHOWN_AT_WORST:
        built, found = records.get(f"build {way.name}", {}), records.get(f"eval {way.name} Set5", {})
        if "refused" in built:
            rows.append([f"`{way.name}`", f"refused: {built['refused']}", *[""] * 7])
        elif "psnr_db" in built and "worst" in found:
            rows.append([f"`{way.name}`", *_worst_cells(built, found)])
        else:
            missing.append(f"`{way.name}`")
    return lines(WORST_HEADER, rows) + (f"\nNot measured: {', '.join(missing)}.\n" if missing else "")


def _worst_cells(built: dict[str, Any], found: dict[str, Any]) -> list[str]:
    most, worst = found["largest_loss"], found["worst"]
    picture, block, flat = worst["picture"], worst["block"], worst["flat"]
    return [
        *(f"{built['psnr_db']:.1f}", f"{built['worst_block']:.2f}", f"{built['worst_flat']:.2f}"),
        *(f"{found['lost_db']:.3f}", f"{most['psnr_y']:.3f}, {_short(most['name'])}"),
        f"{picture['found']:.1f}, {_short(picture['name'])}",
        f"{block['found']:.2f}, {_short(block['name'])} ({block['at'][0]}, {block['at'][1]})",
        f"{flat['found']:.2f}, {' '.join(map(str, flat['colour']))}",
    ]


def _short(name: str) -> str:
    return "colours" if name == "pure colours" else name.partition("_SRF_")[0]


def narrower(records: Records) -> str:
    """Worst cases of narrower networks."""
    worst = records["tune narrower"]["worst"]
    rows = [[f"`{name}`", f"{case['block']:.2f}", f"{case['flat']:.2f}"] for name, case in worst.items()]
    return lines(["network", "worst 16×16 block, of 255", "flat area"], rows)
