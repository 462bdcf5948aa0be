"""What ``eval`` measures and prints: test pictures as they are or degraded, or pages of text and icons."""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass

from edge.check.comparison import WORST_HEADER
from edge.cli.terminal import Terminal
from edge.evaluate import detail_score as details
from edge.evaluate.degraded import evaluations_by_way, run_degraded, smallest_gain
from edge.evaluate.ocr import missing_ocr
from edge.evaluate.routing_sweep import draw_sweep, points_of, run_sweep
from edge.evaluate.test_sets import Evaluation, evaluation_of, run_pictures
from edge.json_measures import finite, finite_values
from edge.output_file import whole_folder, write_report
from edge.run.artifact import Artifact
from models import LIIF


def evaluate_pictures(
    arguments: argparse.Namespace, artifact: Artifact, model: LIIF, scale: int, terminal: Terminal
) -> int:
    """Scores on the pictures of a folder."""
    work = run_pictures(artifact, model, arguments.data, scale)
    result = evaluation_of(terminal.track(arguments.data.name, work), artifact)
    if arguments.json:
        terminal.json(_evaluation_json(result))
    else:
        title = f"{arguments.data.name}, ×{scale}, {len(result.names)} images, {artifact.card.name}"
        _print_evaluation(result, title, terminal)
    return 0


def _print_evaluation(result: Evaluation, title: str, terminal: Terminal) -> None:
    rows = []
    for method in result.scores:
        mean, (name, worst) = result.mean(method), result.worst(method)
        loss = f"{mean.psnr_y - result.mean('fp32').psnr_y:+.3f}"
        rows.append([method, f"{mean.psnr_y:.3f}", loss, f"{mean.ssim:.4f}", f"{worst.psnr_y:.3f}", name])
    terminal.table(title, ["", "PSNR-Y (dB)", "to fp32", "SSIM-Y", "lowest PSNR-Y", "of"], rows)
    assert result.distance is not None  # it was evaluated with an artifact and with fp32
    name, lost = result.largest_loss()
    terminal.table(
        "the artifact from fp32, worst cases, pure colours among them",
        WORST_HEADER,
        [
            ["PSNR-Y drop", name, "", f"{lost:.3f} dB", ""],
            *(case.row for case in result.distance.worst_cases),
        ],
    )


def _evaluation_json(result: Evaluation) -> dict[str, object]:
    means: dict[str, object] = {method: finite(result.mean(method)) for method in result.scores}
    images = [
        {"name": name, **{method: finite(scores[number]) for method, scores in result.scores.items()}}
        for number, name in enumerate(result.names)
    ]
    worst = {method: result.worst(method) for method in result.scores}
    assert result.distance is not None  # it was evaluated with an artifact and with fp32
    name, lost = result.largest_loss()
    return {
        **means,
        "images": images,
        "lowest": {method: {"name": name, **finite(score)} for method, (name, score) in worst.items()},
        "largest_loss": finite_values({"name": name, "psnr_y": lost}),
        "worst": [finite(case) for case in result.distance.worst_cases],
    }


def evaluate_degraded(
    arguments: argparse.Namespace, artifact: Artifact, model: LIIF, scale: int, terminal: Terminal
) -> int:
    """Scores on the pictures of a folder, reduced and saved as people have them."""
    work = run_degraded(artifact, model, arguments.data, scale)
    results = evaluations_by_way(terminal.track(arguments.data.name, work))
    rows, ways = [], []
    for way, result in results.items():
        means = {method: result.mean(method) for method in result.scores}
        name, least = smallest_gain(result)
        gain = means["artifact"].psnr_y - means["bicubic"].psnr_y
        psnr = [f"{means[method].psnr_y:.3f}" for method in ("bicubic", "fp32", "artifact")]
        rows.append([way.name, *psnr, f"{gain:+.3f}", f"{least:+.3f}", name])
        worst = finite_values({"name": name, "gain": least})
        scores = {method: finite(mean) for method, mean in means.items()}
        ways.append({"lr": way.name, **scores, "smallest_gain": worst})
    if arguments.json:
        terminal.json({"artifact": artifact.card.name, "scale": scale, "images": result.names, "ways": ways})
        return 0
    header = ["LR", "bicubic", "fp32", "artifact", "gain (dB)", "smallest", "of"]
    terminal.table(f"{arguments.data.name}, ×{scale}, PSNR-Y, {artifact.card.name}", header, rows)
    return 0


def evaluate_routing(
    arguments: argparse.Namespace, smaller: Artifact, bigger: Artifact, terminal: Terminal
) -> int:
    """What each effort of the router of ``smaller`` buys on the pictures of a folder."""
    work = run_sweep(smaller, bigger, arguments.data)
    pictures = list(terminal.track(arguments.data.name, work))
    points = points_of(pictures)
    title = f"{arguments.data.name}, ×2, {smaller.card.name} routed: PSNR-Y by effort"
    if arguments.plot is not None:
        write_report(arguments.plot, draw_sweep(points, title))
    if arguments.json:
        every = {"points": [finite(point) for point in points], "images": [finite(one) for one in pictures]}
        terminal.json({"artifact": smaller.card.name, "scale": 2, **every})
        return 0
    rows = [
        [
            str(p.effort),
            f"{100 * p.share:.1f}",
            f"{p.psnr_y:.3f}",
            f"{p.ms_per_megapixel:.0f}",
            *("" if seam is None else f"{seam:.2f}" for seam in (p.seam, p.seam_alone)),
        ]
        for p in points
    ]
    header = ["effort", "bigger (%)", "PSNR-Y (dB)", "ms/MP", "at seams", "there, smaller alone"]
    terminal.table(title, header, rows)
    return 0


def evaluate_details(
    arguments: argparse.Namespace, artifact: Artifact, model: LIIF, scale: int, terminal: Terminal
) -> int:
    """The detail score of drawn pages, and how much of their text can be read."""
    absent = missing_ocr()
    with whole_folder(arguments.save, force=False) if arguments.save else nullcontext() as folder:
        pages = list(terminal.track("pages", details.render_pages(artifact, model, scale)))
        if folder is not None:
            details.save_pages(pages, folder)
    by_kind: dict[str, list[details.RenderedPage]] = {}
    for page in pages:
        by_kind.setdefault(page.page.kind, []).append(page)
    scores = {kind: details.score_pages(of_kind) for kind, of_kind in by_kind.items()}
    readings: dict[str, list[details.Reading]] = {kind: [] for kind in by_kind if kind != "icons"}
    if absent is None:
        for kind in readings:
            work = details.read_pages(by_kind[kind])
            readings[kind] = list(terminal.track(f"reading {kind}", work))
    found = _Details(scores, readings, absent)
    if arguments.json:
        terminal.json({"artifact": artifact.card.name, "scale": scale, **found.to_json()})
    else:
        _print_details(found, f"×{scale}, {artifact.card.name}", terminal)
    return 0


@dataclass(frozen=True)
class _Details:
    """By kind of page: ``scores`` by method, and ``readings`` of those with text; ``absent``: why there are
    none."""

    scores: Mapping[str, Mapping[str, details.DetailScore]]
    readings: Mapping[str, Sequence[details.Reading]]
    absent: str | None

    @property
    def rates(self) -> dict[str, dict[str, dict[str, float]]]:
        """Of misread characters, by kind, method and size."""
        return {kind: details.error_rates(of_kind) for kind, of_kind in self.readings.items()}

    @property
    def fonts(self) -> dict[str, dict[str, details.FontRates]]:
        """Over fonts, by size and method. They are compared in the same light: all on pages that bicubic
        made small."""
        return details.font_rates([*self.readings["text"], *self.readings.get("fonts", ())])

    def to_json(self) -> dict[str, object]:
        """The fields of the command's JSON."""
        rates = self.rates
        others = [kind for kind in self.readings if kind != "text"]
        return {
            **{
                kind: {method: finite(score) for method, score in of_kind.items()}
                for kind, of_kind in self.scores.items()
            },
            "cer": rates["text"] or None,
            "cer_missing": self.absent,
            "cer_variants": {kind: rates[kind] or None for kind in others},
            "cer_fonts": {
                size: {method: asdict(found) for method, found in of_size.items()}
                for size, of_size in self.fonts.items()
            },
            "readings": [asdict(reading) for reading in self.readings["text"]],
            "readings_variants": {
                kind: [asdict(reading) for reading in self.readings[kind]] for kind in others
            },
        }


def _print_details(found: _Details, title: str, terminal: Terminal) -> None:
    for kind, of_kind in found.scores.items():
        terminal.table(
            f"{kind}, {title}",
            ["", "edges (dB)", "flat parts (dB)", "GMSD"],
            [[m, f"{s.edges_db:.2f}", f"{s.flat_db:.2f}", f"{s.gmsd:.4f}"] for m, s in of_kind.items()],
        )
    if found.absent is not None:
        terminal.print(f"characters misread: not measured, {found.absent}")
        return
    for kind, by_method in found.rates.items():
        terminal.table(
            f"characters misread (%), {kind}, by its size in low-resolution pixels",
            ["", *by_method[details.HR]],
            [[method, *(f"{100 * rate:.1f}" for rate in row.values())] for method, row in by_method.items()],
        )
    for size, of_size in found.fonts.items():
        terminal.table(
            f"characters misread (%) at {size} pixels, over the fonts",
            ["", "mean", "worst", "in", "bicubic is read better in"],
            [[method, *_font_row(rates)] for method, rates in of_size.items()],
        )


def _font_row(rates: details.FontRates) -> list[str]:
    worse = ", ".join(rates.worse_than_bicubic)
    return [f"{100 * rates.mean:.1f}", f"{100 * rates.worst:.1f}", rates.worst_font, worse]
