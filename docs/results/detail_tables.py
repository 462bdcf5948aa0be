"""Text and icons: edges, flat parts and misread characters."""

from cells import METHODS
from page_tables import Records, lines


def details(records: Records) -> str:
    """Edges and flat parts of drawn pages."""
    record = records["details baseline-x2-int8"]
    rows = []
    for method, shown in METHODS.items():
        row = [shown]
        for kind in ("text", "icons"):
            score = record[kind][method]
            row += [f"{score['edges_db']:.2f}", f"{score['flat_db']:.2f}", f"{score['gmsd']:.4f}"]
        rows.append(row)
    heads = [f"{kind}: edges (dB) | flat (dB) | GMSD" for kind in ("text", "icons")]
    return lines(["", *" | ".join(heads).split(" | ")], rows)


def misread(records: Records) -> str:
    """Characters misread, by size."""
    rates = records["details baseline-x2-int8"]["misread"]
    shown = {"hr": "truth (`hr`)", **METHODS}
    rows = [
        [name, *(f"{100 * rate:.1f}" for rate in rates[method].values())] for method, name in shown.items()
    ]
    return lines(["characters misread (%), by size", *rates["hr"]], rows)


def fonts(records: Records) -> str:
    """Characters misread at the smallest size, by font; bold where bicubic is read better."""
    rows = []
    for font, rates in records["details baseline-x2-int8"]["fonts"].items():
        row = [f"{100 * rates[method]:.1f}" for method in METHODS]
        if rates["bicubic"] < min(rates["artifact"], rates["fp32"]):
            row[-1] = f"**{row[-1]}**"
        rows.append([FONTS[font], *row])
    return lines(["at 6 pixels (%)", "int8", "fp32", "bicubic"], rows)


# By the name of its file, as the command's JSON has it.
FONTS = {
    "DejaVuSans.ttf": "DejaVu Sans",
    "DejaVuSansMono.ttf": "DejaVu Sans Mono",
    "DejaVuSerif.ttf": "DejaVu Serif, light on dark",
    "STIXGeneral.ttf": "STIX General",
}
