"""How far each way down to a device is from fp32 at its worst: measures all of them, or renders the table.

python docs/results/worst_cases.py measure --data Set5 --artifacts DIR              # rows that are missing
python docs/results/worst_cases.py measure --data Set5 --artifacts DIR fast-x2-int8      # this one, again
python docs/results/worst_cases.py render
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.card import CARD_FILE, Card
from edge.card_reader import read_card
from edge.images.extremes import EXTREME_SIDE, colour_page
from edge.images.image_file import read_image, to_uint8
from edge.images.metrics import BLOCK

RESULTS = Path(__file__).with_name("worst-cases.json")
TABLE = RESULTS.with_suffix(".md")

CLI = (sys.executable, "-m", "edge.cli")

CORE_ML = ("--target", "coreml", "--tile", "96")  # 96 fits the smallest picture of Set5 at ×2

Row = dict[str, Any]  # of the JSON file


@dataclass(frozen=True)
class Way:
    """One way down: the options of ``build``, and of ``sensitivity`` before it where layers are chosen."""

    weights: str
    scale: str
    precision: str
    options: tuple[str, ...] = ()
    sensitivity: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the row, and of the folder of its artifact."""
        scale = self.scale if self.scale == "any" else f"x{self.scale}"
        extra = [*(["coreml"] if "coreml" in self.options else []), *(["plan"] if self.sensitivity else [])]
        return "-".join([self.weights, scale, self.precision, *extra])

    @property
    def checkpoint(self) -> list[str]:
        """The option that names the weights."""
        return [] if self.weights == "baseline" else ["--checkpoint", self.weights]

    def commands(self, folder: str) -> list[list[str]]:
        """Arguments of ``liif-edge``, one list per command, that make the artifact in ``folder``."""
        build = ["build", "--out", folder, "--scale", self.scale, "--precision", self.precision]
        build += [*self.options, *self.checkpoint]
        if not self.sensitivity:
            return [build]
        plan = f"{folder}/layers.json"
        choose = ["sensitivity", *self.checkpoint, *self.sensitivity, "--out", plan]
        return [choose, [*build, "--mixed-precision", plan]]


WAYS = (
    Way("baseline", "2", "int8"),
    Way("baseline", "3", "int8"),
    Way("baseline", "4", "int8"),
    Way("baseline", "any", "int8"),
    Way("fast", "2", "int8"),
    Way("fast", "3", "int8"),
    Way("fast", "4", "int8"),
    Way("fast", "any", "int8"),
    Way("baseline", "2", "int8", (), ("--max-loss", "0.01")),
    Way("baseline", "2", "int8-dynamic"),
    Way("baseline", "any", "int8-dynamic"),
    Way("fast", "2", "int8-dynamic"),
    Way("baseline", "2", "fp16", CORE_ML),
    Way("baseline", "2", "int8-weights", CORE_ML),
    Way("baseline", "2", "palette6", CORE_ML),
    Way("baseline", "2", "palette4", CORE_ML),
    Way(
        *("baseline", "2", "palette-mixed", CORE_ML),
        ("--precision", "palette-mixed", "--max-size", "800KB"),
    ),
    Way("baseline", "2", "int8", CORE_ML),
    Way("fast", "2", "fp16", CORE_ML),
    Way("fast", "2", "int8-weights", CORE_ML),
    Way("fast", "2", "palette6", CORE_ML),
    Way("fast", "2", "palette4", CORE_ML),
    Way("fast", "2", "int8", CORE_ML),
)

HEADER = """\
# The worst case of every way down

Each way is an artifact, built by the command line and compared with its own weights in fp32 PyTorch:

```
python docs/results/worst_cases.py measure --data Set5 --artifacts DIR
```

The card's measures are of the sample pictures and of a page of pure colours, with the halo in full. Those of
`liif-edge eval` are of Set5 and of that page, with the halo that the card has; artifacts of any scale enlarge
by 2 there, and Core ML packages are interpreted. Blocks and flat areas are
[differences of mean colour](../guide/check.md#the-worst-case) in steps of 1/255, with the row and column
of a block's first pixel and the RGB under a flat area. Checkpoints after quantisation-aware training
and programs for `coreml-pte` are not among the ways.

| way | card: dB | block | flat | Set5 lost, dB | most | least dB | block | flat |
|---|---|---|---|---|---|---|---|---|
"""


class CommandFailed(Exception):
    """A command ended with a code other than 0 and 1."""


def liif_edge(arguments: list[str]) -> tuple[int, str, str]:
    """``liif-edge`` with ``arguments``: exit code, output, and the last line of what it said besides."""
    done = subprocess.run([*CLI, *arguments], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise CommandFailed(f"liif-edge {' '.join(arguments)}: {done.stderr}")
    return done.returncode, done.stdout, (done.stderr.strip().splitlines() or [""])[-1]


def measure(way: Way, data: Path, artifacts: Path) -> Row:
    """What the build of ``way`` measured and what ``eval`` finds on ``data``; or why it was refused."""
    folder = artifacts / way.name
    for arguments in way.commands(str(folder)):
        code, _, said = liif_edge([*arguments, "--force"])
        if code:
            return {"refused": said.removeprefix("liif-edge: ")}
    (artifact,) = (path.parent for path in folder.glob(f"*/{CARD_FILE}"))
    card = read_card(artifact)
    assert card.measured is not None  # every build measures
    _, out, _ = liif_edge(["eval", str(artifact), "--data", str(data), "--json", *way.checkpoint])
    found = json.loads(out)
    worst = {case.pop("measure"): case for case in found["worst"]}
    worst["flat"]["colour"] = colour_under(worst["flat"], card, data)
    return {
        "built": card.measured.model_dump(exclude={"on"}),
        "pictures": len(found["images"]),
        "lost_db": found["fp32"]["psnr_y"] - found["artifact"]["psnr_y"],
        "largest_loss": found["largest_loss"],
        "worst": worst,
    }


def colour_under(case: Row, card: Card, data: Path) -> list[int]:
    """RGB in 8 bits of the input under a block of one colour; artifacts of any scale enlarge by 2 here."""
    if case["name"] == "pure colours":
        lr = colour_page(max(card.tile.fixed or 0, EXTREME_SIDE))
    else:
        lr = read_image(data / f"{case['name']}_LR.png").rgb
    scale = 2 if card.scale == "any" else card.scale
    row, column = ((start + BLOCK // 2) // scale for start in case["at"])
    return [int(value) for value in to_uint8(lr)[:, row, column]]


def read_rows() -> dict[str, Row]:
    """The rows that were measured, by name."""
    rows: dict[str, Row] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return rows


def render(rows: dict[str, Row]) -> str:
    """The page of ``rows``, in the order of ``WAYS``, and the names of those that are missing."""
    lines = [f"| {' | '.join(_cells(way, rows[way.name]))} |\n" for way in WAYS if way.name in rows]
    missing = [f"`{way.name}`" for way in WAYS if way.name not in rows]
    rest = f"\nNot measured: {', '.join(missing)}.\n" if missing else ""
    return HEADER + "".join(lines) + rest


def _cells(way: Way, row: Row) -> list[str]:
    name = f"`{way.name}`"
    if "refused" in row:
        return [name, f"refused: {row['refused']}", *[""] * 7]
    built, most, worst = row["built"], row["largest_loss"], row["worst"]
    picture, block, flat = worst["picture"], worst["block"], worst["flat"]
    return [
        *(name, f"{built['psnr_db']:.1f}", f"{built['worst_block']:.2f}", f"{built['worst_flat']:.2f}"),
        *(f"{row['lost_db']:.3f}", f"{most['psnr_y']:.3f}, {_short(most['name'])}"),
        f"{picture['found']:.1f}, {_short(picture['name'])}",
        f"{block['found']:.2f}, {_short(block['name'])} ({block['at'][0]}, {block['at'][1]})",
        f"{flat['found']:.2f}, {' '.join(map(str, flat['colour']))}",
    ]


def _short(name: str) -> str:
    return "colours" if name == "pure colours" else name.partition("_SRF_")[0]


def main() -> None:
    """The command line, as the module has it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("--data", type=Path, required=True)
    measuring.add_argument("--artifacts", type=Path, required=True)
    measuring.add_argument("names", nargs="*", metavar="NAME")
    commands.add_parser("render")
    arguments = parser.parse_args()
    rows = read_rows()
    if arguments.command == "measure":
        ways = {way.name: way for way in WAYS}
        for name in arguments.names or [name for name in ways if name not in rows]:
            rows[name] = measure(ways[name], arguments.data, arguments.artifacts)
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    TABLE.write_text(render(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
