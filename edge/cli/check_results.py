"""What ``check`` found, as tables, as fields of JSON and as reports."""

from dataclasses import asdict, dataclass
from pathlib import Path

from edge.card import Card
from edge.check.baseline import BUNDLE_VERSION, Bundle
from edge.check.built_in import ROUTE_OFF, RouteCheck
from edge.check.comparison import WORST_HEADER
from edge.check.layers import CAUSES, LayerCheck, LayerError
from edge.check.probes import PROBES, ProbeCheck, ProbeResult
from edge.check.report import junit_xml, render_html
from edge.cli.terminal import Terminal
from edge.json_measures import finite, finite_values
from edge.output_file import write_report


@dataclass(frozen=True)
class CheckOutcome:
    """An artifact against ``bundle``: its probes and, if asked for, its layers; ``ran_on``: in words.
    ``route``: its router's predictions, if there was a router to compare."""

    card: Card
    bundle: Bundle
    probes: ProbeCheck
    ran_on: dict[str, str]
    layers: LayerCheck | None
    route: RouteCheck | None = None

    @property
    def passed(self) -> bool:
        """Whether every probe, every layer and the router are within their thresholds."""
        others = [part for part in (self.layers, self.route) if part is not None]
        return self.probes.passed and not any(part.failures for part in others)

    def write_reports(self, html: Path | None, junit: Path | None) -> None:
        """The files that are asked for."""
        if html is not None:
            sides = (self.card, self.bundle.provenance, self.ran_on)
            write_report(html, render_html(self.probes, *sides, self.layers, self.route))
        if junit is not None:
            write_report(junit, junit_xml(self.probes, self.card, self.layers, self.route))

    def as_json(self) -> dict[str, object]:
        """Everything, for machines."""
        probes = _probes_json(self.probes, self.bundle, self.card, self.ran_on)
        return {**probes, "passed": self.passed, **_layers_json(self.layers), **_route_json(self.route)}

    def print_on(self, terminal: Terminal) -> None:
        """Everything, as tables."""
        _print_probes(self.probes, self.bundle, self.card, self.ran_on, terminal)
        if self.layers is not None:
            _print_layers(self.layers, self.card, terminal)
        if self.route is not None:
            _print_route(self.route, terminal)
        elif self.card.routing is not None:
            terminal.print("the router's predictions were not compared; see --router")
        if self.passed:
            terminal.print("passed")


def _probes_json(result: ProbeCheck, bundle: Bundle, card: Card, ran_on: dict[str, str]) -> dict[str, object]:
    first = result.first_failure
    return {
        "artifact": card.name,
        "passed": result.passed,
        "first_failure": first.probe if first else None,
        "hint": first.hint if first else "",
        "failures": [f"{s.probe}: {failure}" for s in result.probes for failure in s.failures],
        "threshold": asdict(result.tiles.threshold),
        "all": finite(result.tiles.overall),
        "tiles": [finite(comparison) for comparison in result.tiles.comparisons],
        "worst": [finite(case) for case in result.tiles.worst_cases],
        "stages": [_probe_json(probe) for probe in result.probes],
        "device": ran_on,
        "baseline": {**asdict(bundle.provenance), "bundle_version": BUNDLE_VERSION},
    }


def _probe_json(probe: ProbeResult) -> dict[str, object]:
    measures = ("psnr_db", "percentile_5_db", "mean_abs", "max_abs", "peak", "limit_db")
    return {
        "stage": probe.probe,
        "passed": probe.passed,
        **finite_values({name: getattr(probe, name) for name in measures}),
        "tiles": [finite(tile) for tile in probe.tiles],
    }


def _layers_json(layers: LayerCheck | None) -> dict[str, object]:
    if layers is None:
        return {}
    first, worst = layers.first_suspect, layers.worst_range
    return {
        "layers": [{**finite(e), "cause": e.cause} for e in layers.layers],
        "first_suspect_layer": first.layer if first else None,
        "worst_range_layer": worst.layer if worst else None,
        "layer_failures": list(layers.failures),
    }


def _route_json(route: RouteCheck | None) -> dict[str, object]:
    if route is None:
        return {}
    return {"route": {**finite(route), "limit": ROUTE_OFF}, "route_failures": route.failures}


def _print_route(route: RouteCheck, terminal: Terminal) -> None:
    terminal.print(
        f"route: predictions within {route.mean_abs:.4f} of the router's on average (limit {ROUTE_OFF})"
    )
    for failure in route.failures:
        terminal.print(f"FAILED at {failure}")


def _print_probes(
    result: ProbeCheck, bundle: Bundle, card: Card, ran_on: dict[str, str], terminal: Terminal
) -> None:
    rows = [
        [
            *(c.name, f"{c.psnr_db:.2f}", f"{c.ssim:.6f}", f"{c.max_abs:.2e}"),
            *(f"{c.worst_block:.2f}", f"{c.worst_flat:.2f}"),
        ]
        for c in (*result.tiles.comparisons, result.tiles.overall)
    ]
    limit = result.tiles.threshold
    limits = (f"≤ {value:g}" for value in (limit.max_abs, limit.worst_block, limit.worst_flat))
    rows.append(["threshold", f"≥ {limit.psnr_db:g}", f"≥ {limit.ssim:g}", *limits])
    title = f"{card.name} against fp32 made on {bundle.provenance.device}"
    measures = ["PSNR (dB)", "SSIM", "largest difference", "worst block of 255", "flat"]
    terminal.table(title, ["tile", *measures], rows)
    terminal.table("worst cases", WORST_HEADER, [case.row for case in result.tiles.worst_cases])
    terminal.table(
        f"probe by probe on {ran_on['device']}",
        ["probe", "PSNR (dB)", "5th percentile", "mean", "largest", "threshold", ""],
        [
            [
                s.probe,
                f"{s.psnr_db:.2f}",
                f"{s.percentile_5_db:.2f}",
                f"{s.mean_abs:.2e}",
                f"{s.max_abs:.2e}",
                f"≥ {s.limit_db:g}",
                "ok" if s.passed else "FAILED",
            ]
            for s in result.probes
        ],
    )
    first = result.first_failure
    if first is None:
        return
    for failure in first.failures:
        terminal.print(f"failed: {failure}")
    hint = f"; {first.hint}" if first.hint else ""
    terminal.print(f"FAILED at probe {first.probe} ({PROBES[first.probe]}){hint}")


def _print_layers(layers: LayerCheck, card: Card, terminal: Terminal) -> None:
    """The table, worst first, and where to look."""
    first, worst = layers.first_suspect, layers.worst_range
    in_int8 = any(e.range_fit for e in layers.layers)
    ranges = ["reach on pictures", "on colours", "range, dB"] if in_int8 else []
    terminal.table(
        f"{card.name} layer by layer, worst first; added and total error in dB",
        ["layer", "added", "total", "mean", "largest", *ranges, ""],
        [
            [
                e.layer,
                f"{e.added_db:.1f}",
                f"{e.total_db:.1f}",
                f"{e.mean_abs:.1e}",
                f"{e.max_abs:.1e}",
                *(_range_cells(e) if in_int8 else []),
                "ok" if e.cause is None else e.cause.upper(),
            ]
            for e in layers.layers
        ],
    )
    if worst is not None and worst.range_fit is not None:
        terminal.print(f"the range that fits worst is of {worst.layer}: {worst.range_fit.in_words}")
    for failure in layers.failures:
        terminal.print(f"FAILED at {failure}")
    if first is None or first.cause is None:
        terminal.print("every layer has the checkpoint's weights and computes what they say")
    else:
        terminal.print(f"look at {first.layer}, the first in the network's order: {CAUSES[first.cause]}")


def _range_cells(error: LayerError) -> list[str]:
    """How far fp32 comes in the range that fits worst, the share that is clipped, and that range's cost."""
    fit = error.range_fit
    if fit is None:
        return ["-", "-", "-"]
    return [fit.pictures.cell, fit.colours.cell, f"{fit.excess_db:.1f}"]
