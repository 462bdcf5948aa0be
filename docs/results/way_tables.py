"""What each way down costs, and which artifact to take."""

from cells import SMALLER, drop, megabytes
from page_tables import Records, lines

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
        drops = (drop(records, way, data) for data in ("Set5", other))
        rows.append([str(number), what, *drops, speed, megabytes(records, way), goal])
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
        rows.append([shown, megabytes(records, way), f"{records[f'build {way}']['psnr_db']:.1f}{own}"])
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
        rows.append([use, f"`{options}`", megabytes(records, way), time, drop(records, way, "Set5")])
    return lines(
        ["for", "`liif-edge build --out DIR` with", "program, MB", "ms per megapixel", "dB lost"], rows
    )
