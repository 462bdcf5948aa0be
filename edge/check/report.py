"""A check as one HTML file for people, and as JUnit XML for systems that run tests."""

import base64
import io
import math
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.card import Card
from edge.check.baseline import Provenance
from edge.check.built_in import ROUTE_OFF, RouteCheck
from edge.check.comparison import WORST_HEADER
from edge.check.layers import LayerCheck
from edge.check.probes import PROBES, ProbeCheck, ProbeResult, TilePicture
from edge.images.metrics import BLOCK
from edge.images.pixels import bytes_of
from models.arrays import Float

TEMPLATES = Path(__file__).parents[1] / "templates"
WORST_TILES = 4

# The heat map's colours from no error to the largest, and that of values which are no numbers.
RAMP = np.array([(0, 0, 0), (70, 20, 110), (190, 50, 80), (245, 140, 30), (255, 245, 130)], np.float64)
NO_NUMBER = (0, 255, 255)

# By how much a difference may be amplified: the largest that stays within grey plus or minus a half.
FACTORS = (1, 2, 5, 10, 20, 50, 100, 1000)


def render_html(
    check: ProbeCheck,
    card: Card,
    provenance: Provenance,
    ran_on: dict[str, str],
    layers: LayerCheck | None = None,
    route: RouteCheck | None = None,
) -> str:
    """The whole page: verdict, worst cases, probes, layers if they were looked into, a router if it was
    compared, where both sides come from, and the worst blocks and tiles to look at.

    It needs nothing beside it: pictures are in it, nothing is loaded from elsewhere.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    tile_probe = next(probe for probe in check.probes if probe.probe == "tile")
    scores = {tile.name: tile.psnr_db for tile in tile_probe.tiles}
    worst = sorted(check.pictures, key=lambda p: _broken_first(scores[p.name]))[:WORST_TILES]
    baseline = {**asdict(provenance)}
    del baseline["names"]
    sides = [
        ("Baseline, fp32", list(baseline.items())),
        ("Artifact and device", [*ran_on.items(), *_about(card)]),
    ]
    first = check.first_failure
    others = [failure for part in (layers, route) if part is not None for failure in part.failures]
    return environment.get_template("report.html").render(
        card=card,
        passed=first is None and not others,
        failures=others if first is None else first.failures,
        layers=layers,
        route=route,
        route_off=ROUTE_OFF,
        first=first,
        worst_header=WORST_HEADER,
        worst=check.tiles.worst_cases,
        blocks=_blocks(check),
        probes=check.probes,
        descriptions=PROBES,
        peak=next((probe.peak for probe in check.probes if probe.probe == "features"), None),
        sides=sides,
        n_tiles=len(check.pictures),
        tiles=[{"psnr_db": scores[picture.name], **_tile(picture)} for picture in worst],
    )


def junit_xml(
    check: ProbeCheck, card: Card, layers: LayerCheck | None = None, route: RouteCheck | None = None
) -> str:
    """A test suite with what failed in it: one test case for each tile at each probe, for each layer that was
    looked into, and for a router that was compared."""
    cases: list[tuple[str, str, list[str]]] = [
        (probe.probe, tile.name, [*said, *([probe.hint] if said and probe.hint else [])])
        for probe in check.probes
        for tile in probe.tiles
        for said in [_failures_of(probe, tile.name)]
    ]
    if layers is not None:
        cases += [("layers", error.layer, error.failures) for error in layers.layers]
    if route is not None:
        cases.append(("route", "predictions", route.failures))
    suite = ElementTree.Element("testsuite", name=f"liif-edge check {card.name}")
    for kind, name, said in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=kind, name=name)
        if said:
            ElementTree.SubElement(case, "failure", message=said[0]).text = "\n".join(said)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(1 for *_, said in cases if said)))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def heat_map(error: Float, peak: float) -> NDArray[np.uint8]:
    """(H, W) errors from 0 to ``peak`` in the colours of RAMP, (H, W, 3); NaN in NO_NUMBER."""
    broken = ~np.isfinite(error)
    position = np.clip(np.where(broken, 0, error) / peak, 0, 1)
    stops = np.linspace(0, 1, len(RAMP))
    colours = np.stack([np.interp(position, stops, RAMP[:, c]) for c in range(3)], axis=-1)
    colours[broken] = NO_NUMBER
    return colours.round().astype(np.uint8)


def _blocks(check: ProbeCheck) -> list[dict[str, object]]:
    """The worst block and the worst flat area to look at; once if both are the same."""
    pictures = {picture.name: picture for picture in check.pictures}
    _, block, *flat = check.tiles.worst_cases
    cases = [block, *(case for case in flat if (case.name, case.at) != (block.name, block.at))]
    return [{"case": case, **_block(pictures[case.name], case.at)} for case in cases if case.at is not None]


def _block(picture: TilePicture, at: tuple[int, int]) -> dict[str, object]:
    """The block that starts ``at`` (row, column) with half its side around it, and its frame in percent."""
    spans = [
        (max(0, start - BLOCK // 2), min(side, start + BLOCK + BLOCK // 2))
        for start, side in zip(at, picture.baseline.shape[1:], strict=True)
    ]
    (top, bottom), (left, right) = spans
    crop = replace(
        picture,
        baseline=picture.baseline[:, top:bottom, left:right],
        found=picture.found[:, top:bottom, left:right],
    )
    (y, height), (x, width) = (
        (100 * (start - first) / (end - first), 100 * min(BLOCK, end - start) / (end - first))
        for start, (first, end) in zip(at, spans, strict=True)
    )
    frame = f"left: {x:.2f}%; top: {y:.2f}%; width: {width:.2f}%; height: {height:.2f}%"
    return _tile(crop, frame)


def _tile(picture: TilePicture, frame: str = "") -> dict[str, object]:
    """Both sides and what differs, as pictures; ``frame``: CSS of what to mark in them."""
    found, baseline = picture.found.clip(0, 1), picture.baseline.clip(0, 1)
    difference = found - baseline
    error = np.abs(difference).max(axis=0)
    broken = ~np.isfinite(error)
    peak = float(np.max(error, where=~broken, initial=0.0))
    factor = max((f for f in FACTORS if f * peak <= 0.5), default=1)
    heat_peak = max(peak, 1 / 255)
    return {
        "name": picture.name,
        "frame": frame,
        "baseline": _data_uri(_pixels(baseline)),
        "found": _data_uri(_pixels(found)),
        "difference": _data_uri(_pixels(0.5 + factor * difference)),
        "factor": factor,
        "heat": _data_uri(heat_map(error, heat_peak)),
        "heat_peak": heat_peak,
        "broken": bool(broken.any()),
    }


def _pixels(picture: Float) -> NDArray[np.uint8]:
    """(3, H, W) to (H, W, 3) in 8 bits; where a value is no number the pixel is NO_NUMBER."""
    broken = ~np.isfinite(picture).all(axis=0)
    pixels = bytes_of(np.nan_to_num(picture).clip(0, 1))
    pixels[broken] = NO_NUMBER
    return pixels


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _about(card: Card) -> list[tuple[str, object]]:
    programs = [(name, f"{p.bytes} bytes, sha256 {p.sha256}") for name, p in card.programs.items()]
    quantisation = [("quantisation", card.quantisation.scheme)] if card.quantisation else []
    versions = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    return [
        ("artifact", f"{card.name}, {card.precision} for {card.target}"),
        ("checkpoint_sha256", card.checkpoint.sha256),
        *programs,
        *quantisation,
        ("made with", versions),
    ]


def _failures_of(probe: ProbeResult, tile: str) -> list[str]:
    """``check`` puts the tile's name in front of each of its failures."""
    return [failure for failure in probe.failures if failure.startswith(f"{tile}: ")]


def _broken_first(psnr_db: float) -> float:
    return -math.inf if math.isnan(psnr_db) else psnr_db
