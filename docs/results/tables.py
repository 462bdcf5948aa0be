"""The tables of the documentation, rendered from records into their pages.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; everything around is written by hand.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictions import measured_by_others, predicted
from ways import SHOWN_AT_WORST

ROOT = Path(__file__).parents[2]

Records = dict[str, dict[str, Any]]  # what records.json holds, by name

METHODS = {"artifact": "int8 `.pte`", "fp32": "fp32 PyTorch", "bicubic": "bicubic"}


@dataclass(frozen=True)
class Table:
    """A table by name, its page from the repository's root, and what its lines are."""

    name: str
    page: str
    render: Callable[[Records], str]

    @property
    def markers(self) -> tuple[str, str]:
        """The lines before and after it."""
        return f"<!-- table: {self.name} -->\n", "<!-- end -->\n"


def table_in(page: str, table: Table) -> str:
    """The text of ``table`` in ``page``. Raises LookupError for a page without its markers."""
    begin, end = table.markers
    if begin not in page or end not in page.partition(begin)[2]:
        raise LookupError(f"{table.page}: expected the markers of the table {table.name}, found none")
    return page.partition(begin)[2].partition(end)[0]


def write_tables(tables: Iterable[Table], records: Records) -> None:
    """Put every table in its page. Raises LookupError for a page without its markers."""
    for table in tables:
        path = ROOT / table.page
        page = path.read_text(encoding="utf-8")
        begin, end = table.markers
        old, new = (begin + text + end for text in (table_in(page, table), table.render(records)))
        path.write_text(page.replace(old, new), encoding="utf-8")


def lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, as it stands in a page."""
    every = ["|" + "|".join(f" {cell} " if cell else " " for cell in row) + "|" for row in (header, *rows)]
    return "\n".join([every[0], "|---" * len(header) + "|", *every[1:]]) + "\n"


def signed(value: float, digits: int = 3, plus: str = "") -> str:
    """With a minus that is as wide as a plus; zero has no sign."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else plus) + text


# Embedded weights of other networks than the baseline's.
SMALLER = ("pruned", "fast", "tiny")


def _marked(text: str, record: dict[str, Any]) -> str:
    """``text`` with a ‡ if ``record`` is of the weights that were embedded before."""
    return f"{text} ‡" if record.get("earlier_weights") else text


def _drop(records: Records, way: str, data: str) -> str:
    """Below the baseline in fp32, whatever network ``way`` has."""
    record = records[f"eval {way} {data}"]
    if not way.startswith(SMALLER):
        return _marked(signed(record["lost_db"]), record)
    return signed(records[f"eval baseline-x2-int8 {data}"]["fp32"]["psnr_y"] - record["artifact"]["psnr_y"])


def _megabytes(records: Records, way: str, digits: int = 2) -> str:
    return f"{records[f'build {way}']['bytes'] / 1e6:.{digits}f}"


# Of the table of what compression costs: what, the way, its form in ``bench``, the goal.
COMPRESSION = (
    ("fp32", "baseline-x2-fp32", "pte-fp32", ""),
    ("int8, every convolution", "baseline-x2-int8", "pte-int8", "0.15 dB, 30×"),
    (
        "int8, float by sensitivity: four layers (†)",
        "baseline-x2-int8-plan",
        "baseline-x2-int8-plan",
        "0.04 dB, 20×",
    ),
    ("int8, dynamic quantization", "baseline-x2-int8-dynamic", "baseline-x2-int8-dynamic", ""),
    ("int8, every convolution, after QAT (†)", "qat-x2-int8", "pte-int8", "0.03 dB, 30×"),
    ("half of the encoder's MACs, int8 (†)", "half-x2-int8", "half-x2-int8", "0.10 dB"),
    (
        "`--checkpoint pruned`: no local ensemble, pruned, distilled, QAT, int8",
        *("pruned-x2-int8", "pruned-x2-int8", "0.10 dB, 100×"),
    ),
    ("Core ML, int8 weights", "baseline-x2-int8-weights-coreml", "", "0.01 dB, 1.8 MB"),
    ("Core ML, 6-bit palettes", "baseline-x2-palette6-coreml", "", "0.03 dB, 1.3 MB"),
    ("Core ML, 4-bit palettes", "baseline-x2-palette4-coreml", "", ""),
    (
        "Core ML, a palette of 3 or 4 bits for each layer (`--max-size 800KB`)",
        *("baseline-x2-palette-mixed-coreml-plan", "", ""),
    ),
    ("Core ML, int8 weights and activations (†, on BSD100)", "baseline-x2-int8-coreml", "", "0.15 dB"),
    ("… after QAT (†)", "qat-x2-int8-coreml", "", "0.05 dB"),
    (
        "`--checkpoint fast`: a small network from scratch, int8-dynamic",
        *("fast-x2-int8-dynamic", "fast-x2-int8-dynamic", "100×"),
    ),
    (
        "`--checkpoint tiny`: a smaller one, int8-dynamic",
        *("tiny-x2-int8-dynamic", "tiny-x2-int8-dynamic", "300×"),
    ),
)


def compression(records: Records) -> str:
    """What each way loses, how fast and how large it is."""
    forms = {**records["bench phones"]["forms"], **records["bench x2"]["forms"]}
    rows = []
    for number, (what, way, form, goal) in enumerate(COMPRESSION, 1):
        other = "BSD100-tenth" if "coreml" in way else "BSD100"
        speed = f"{forms[form]['ratio']:.1f}" if form else ""
        drops = (_drop(records, way, data) for data in ("Set5", other))
        rows.append([str(number), what, *drops, speed, _megabytes(records, way), goal])
    return lines(["", "what", "drop on Set5", "BSD100", "×", "program, MB", "goal"], rows)


FORMS = {
    "eager-upstream": "`eager-upstream`",
    "eager-fixed": "`eager-fixed`",
    "pte-fp32": "`pte-fp32`",
    "pte-int8": "`pte-int8`",
    "baseline-x2-int8-dynamic": "`int8-dynamic`",
    "pruned-x2-int8": "`pruned`, int8",
}


def speed(records: Records) -> str:
    """Time and memory of the forms."""
    forms = records["bench x2"]["forms"]
    rows = []
    for name, shown in FORMS.items():
        form = forms[name]
        rows.append(
            [shown, f"{form['ms_per_megapixel']:,.0f}", f"{form['peak_mb']:.0f}", f"{form['ratio']:.1f}×"]
        )
    return lines(["form", "ms per output megapixel", "peak memory, MB", "ratio"], rows)


SIZES = {
    "baseline-x2-int8": "`liif-x2-int8-xnnpack`",
    "pruned-x2-int8": "`liif-x2-int8-xnnpack`, `--checkpoint pruned`",
    "fast-x2-int8-dynamic": "`liif-x2-int8-dynamic-xnnpack`, `--checkpoint fast`",
    "tiny-x2-int8-dynamic": "`liif-x2-int8-dynamic-xnnpack`, `--checkpoint tiny`",
    "baseline-x2-fp32": "`liif-x2-fp32-xnnpack`",
    "baseline-any-fp32": "`liif-any-fp32-xnnpack`",
    "baseline-x2-fp16-coreml": "`liif-x2-fp16-coreml`",
}


def sizes(records: Records) -> str:
    """Size and distance from fp32, as the build says them."""
    rows = []
    for way, shown in SIZES.items():
        own = ", from its own fp32" if way.startswith(SMALLER) else ""
        rows.append([shown, _megabytes(records, way), f"{records[f'build {way}']['psnr_db']:.1f}{own}"])
    return lines(["artifact", "program, MB", "PSNR to fp32, dB"], rows)


PHONES = (
    ("Android, Linux board", "--scale 2 --precision int8", "baseline-x2-int8", "pte-int8"),
    (
        "the same, where time counts most",
        *("--scale 2 --precision int8-dynamic --checkpoint fast", "fast-x2-int8-dynamic"),
        "fast-x2-int8-dynamic",
    ),
    (
        "previews, old phones",
        *("--scale 2 --precision int8-dynamic --checkpoint tiny", "tiny-x2-int8-dynamic"),
        "tiny-x2-int8-dynamic",
    ),
    (
        "the same, for unusual images",
        *("--scale 2 --precision int8-dynamic", "baseline-x2-int8-dynamic", "baseline-x2-int8-dynamic"),
    ),
    ("the same, as exact as fp32", "--scale 2 --precision fp32", "baseline-x2-fp32", "pte-fp32"),
    ("iPhone, iPad", "--scale 2 --precision fp16 --target coreml", "baseline-x2-fp16-coreml", ""),
    (
        "the same, a small download",
        *("--scale 2 --precision palette6 --target coreml", "baseline-x2-palette6-coreml", ""),
    ),
)


def phones(records: Records) -> str:
    """Which artifact for which phone."""
    forms = records["bench phones"]["forms"]
    rows = []
    for use, options, way, form in PHONES:
        time = f"{forms[form]['ms_per_megapixel']:,.0f}" if form else "not measured"
        rows.append([use, f"`{options}`", _megabytes(records, way), time, _drop(records, way, "Set5")])
    return lines(
        ["for", "`liif-edge build --out DIR` with", "program, MB", "ms per megapixel", "dB lost"], rows
    )


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
            scores.append(_marked(score, record))
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


def narrower(records: Records) -> str:
    """Worst cases of narrower networks."""
    worst = records["tune narrower"]["worst"]
    rows = [[f"`{name}`", f"{case['block']:.2f}", f"{case['flat']:.2f}"] for name, case in worst.items()]
    return lines(["network", "worst 16×16 block, of 255", "flat area"], rows)


SETS = (("Set5", "2"), ("Set5", "3"), ("Set5", "4"), ("BSD100", "2"))


def _scores(records: Records, way: str, method: str, data: str) -> str:
    score = records[f"eval {way} {data}"][method]
    return f"{score['psnr_y']:.2f} / {score['ssim']:.4f}"


def baseline_scores(records: Records) -> str:
    """The embedded weights in fp32, and bicubic."""
    rows = [
        [
            data,
            f"×{scale}",
            *(_scores(records, f"baseline-x{scale}-int8", m, data) for m in ("fp32", "bicubic")),
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
                *(_scores(records, f"{w}-x{scale}-int8", "fp32", data) for w in (weights, "baseline")),
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


def phone_runs(records: Records) -> str:
    """What others measured on phones."""
    header = ["phone", "runs on", "network", "10⁶ multiplications", "ms", "10⁹ a second"]
    return lines(header, measured_by_others())


def phone_predictions(records: Records) -> str:
    """What the embedded weights should take there."""
    return lines(*predicted())


TABLES = (
    Table("which artifact", "README.md", phones),
    Table("compression", "docs/results/compression.md", compression),
    Table("speed", "docs/results/compression.md", speed),
    Table("sizes", "docs/results/compression.md", sizes),
    Table("packages", "docs/results/coreml.md", coreml),
    Table("palettes", "docs/results/coreml.md", palettes),
    Table("phone runs", "docs/results/phones.md", phone_runs),
    Table("phone predictions", "docs/results/phones.md", phone_predictions),
    Table("details", "docs/results/detail-score.md", details),
    Table("misread", "docs/results/detail-score.md", misread),
    Table("fonts", "docs/results/detail-score.md", fonts),
    Table("narrower", "docs/results/tuning.md", narrower),
    Table("worst cases", "docs/results/worst-cases.md", worst_cases),
    Table("baseline", "models/weights/README.md", baseline_scores),
    Table("fast", "models/weights/README.md", scores_beside_the_baseline("fast")),
    Table("pruned", "models/weights/README.md", scores_beside_the_baseline("pruned")),
)
