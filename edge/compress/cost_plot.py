"""What each layer costs, drawn as bars in an SVG: a picture that needs no library to draw or to show."""

from html import escape

from edge.compress.sensitivity import Sensitivity

ROW, LABEL, CHART, VALUE, TOP = 22, 190, 420, 80, 48  # pixels
COLOURS = ("#3465a4", "#c4a000", "#cc0000", "#75507b")


def draw_costs(found: Sensitivity) -> str:
    """The SVG's text: a row per layer, a bar per width. A layer that gained has bars of no length."""
    colours = dict(zip(found.all_loss_db, COLOURS, strict=False))
    bar = (ROW - 4) / len(colours)
    most = max((loss for layer in found.layers for loss in layer.loss_db.values()), default=0.0)
    unit = CHART / most if most > 0 else 0.0
    width, height = LABEL + CHART + VALUE, TOP + ROW * len(found.layers) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="8" y="16">{escape(f"dB of PSNR-Y lost by each layer alone, on {found.on}")}</text>',
    ]
    for number, name in enumerate(colours):
        x = LABEL + 110 * number
        parts.append(f'<rect x="{x}" y="24" width="10" height="10" fill="{colours[name]}"/>')
        parts.append(f'<text x="{x + 14}" y="33">{name}</text>')
    for row, layer in enumerate(found.layers):
        y = TOP + ROW * row
        parts.append(f'<text x="{LABEL - 6}" y="{y + 14}" text-anchor="end">{escape(layer.path)}</text>')
        for number, name in enumerate(colours):
            length = max(0.0, layer.loss_db[name] * unit)
            parts.append(
                f'<rect x="{LABEL}" y="{y + 2 + bar * number:.1f}" width="{length:.1f}" '
                f'height="{bar:.1f}" fill="{colours[name]}"/>'
            )
        longest = max(0.0, max(layer.loss_db.values()) * unit)
        parts.append(
            f'<text x="{LABEL + longest + 4:.1f}" y="{y + 14}">{max(layer.loss_db.values()):.4f}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
