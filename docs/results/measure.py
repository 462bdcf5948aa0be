"""Measures what the tables of the documentation show, and renders them.

python docs/results/measure.py measure --data DIR --artifacts DIR             # records that are missing
python docs/results/measure.py measure --data DIR --artifacts DIR 'eval fast-*'   # these, again
python docs/results/measure.py render                                         # every table, from the records

``--data``: a folder with Set5 and BSD100 in it, pairs as ``liif-edge eval`` takes them. ``--artifacts``:
where artifacts are built, a folder for each way; one that is there already is not built again. A record is
what a command's JSON says, and which command on which day; records.json has all of them, and is written after
each. ``rounded`` marks those whose numbers, or some of them, were taken over from the pages of before.
"""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from page_tables import Records, write_tables
from tables import TABLES
from ways import BENCHED, EVALUATED, WAYS, Way

from edge.card import CARD_FILE, Card
from edge.card_reader import read_card
from edge.images.extremes import EXTREME_SIDE, colour_page
from edge.images.image_file import read_image
from edge.images.metrics import BLOCK
from edge.images.pixels import to_uint8

RECORDS = Path(__file__).with_name("records.json")

CLI = (sys.executable, "-m", "edge.cli")

# A set that is every n-th pair of another: interpreted Core ML programs are slow.
PARTS = {"BSD100-tenth": ("BSD100", 10)}

SENSITIVITY = ("sensitivity", "--precision", "palette-mixed", "--max-size", "800KB", "--json")

COSTLIEST = 8  # layers that the table of sensitivities names

Result = dict[str, Any]  # of a record, as JSON has it


class NotMeasured(Exception):
    """A record that cannot be made; the message says why."""


class Refused(NotMeasured):
    """A build that refused what it had made."""


def liif_edge(arguments: Sequence[str]) -> tuple[int, str, str]:
    """``liif-edge`` with ``arguments``: exit code, output, and the last line of what it said besides."""
    done = subprocess.run([*CLI, *arguments], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise NotMeasured(f"liif-edge {' '.join(arguments)}: {done.stderr}")
    return done.returncode, done.stdout, (done.stderr.strip().splitlines() or [""])[-1]


def read_records() -> Records:
    """The records that there are, by name."""
    records: Records = json.loads(RECORDS.read_text(encoding="utf-8"))
    return records


def write_records(records: Records) -> None:
    """In the order of names, so that a new measuring changes few lines."""
    text = json.dumps(dict(sorted(records.items())), indent=1, ensure_ascii=False)
    RECORDS.write_text(text + "\n", encoding="utf-8")


class Measurer:
    """Makes records by name, with the folders that the command line gave."""

    def __init__(self, data: Path, artifacts: Path) -> None:
        self.data, self.artifacts = data, artifacts

    def makers(self) -> dict[str, tuple[str, Callable[[], Result]]]:
        """By record the command that it is from, in words, and what makes it."""
        made: dict[str, tuple[str, Callable[[], Result]]] = {}
        for way in WAYS:
            made[f"build {way.name}"] = (way.in_words, lambda way=way: self.build(way))
            for name in EVALUATED.get(way.name, ("Set5",)):
                command = f"liif-edge eval ARTIFACT --data {name} --json {' '.join(way.checkpoint)}".rstrip()
                made[f"eval {way.name} {name}"] = (
                    command,
                    lambda way=way, name=name: self.evaluate(way, name),
                )
        for name, ways in BENCHED.items():
            command = f"liif-edge bench --repeats 7 {' '.join(ways)} --json"
            made[name] = (command, lambda ways=ways: self.bench(ways))
        details = "liif-edge eval ARTIFACT --details --json"
        made["details baseline-x2-int8"] = (details, self.details)
        made["sensitivity palette-mixed"] = (" ".join(("liif-edge", *SENSITIVITY)), self.sensitivity)
        return made

    def artifact(self, name: str) -> Path:
        """The artifact of the way of that name, built where it is not there."""
        way = next(way for way in WAYS if way.name == name)
        folder = self.artifacts / way.name
        if not [*folder.glob(f"*/{CARD_FILE}")]:
            for arguments in way.commands(str(folder)):
                folder.mkdir(parents=True, exist_ok=True)  # choosing layers writes into it before the build
                code, _, said = liif_edge([*arguments, "--force"])
                if code:
                    raise Refused(said.removeprefix("liif-edge: "))
        found = [path.parent for path in folder.glob(f"*/{CARD_FILE}")]
        if len(found) != 1:
            raise NotMeasured(f"{folder}: expected one artifact, found {len(found)}; {way.in_words}")
        return found[0]

    def build(self, way: Way) -> Result:
        """What the build measured and how large the program is; or why it was refused."""
        try:
            card = read_card(self.artifact(way.name))
        except Refused as error:
            return {"refused": str(error)}
        assert card.measured is not None  # every build measures
        size = sum(program.bytes for program in card.programs.values())
        return {"bytes": size, **card.measured.model_dump(exclude={"on"})}

    def evaluate(self, way: Way, name: str) -> Result:
        """PSNR-Y and SSIM of the artifact, of fp32 and of bicubic, and the artifact's worst cases."""
        artifact = self.artifact(way.name)
        with self.pictures(name) as data:
            _, out, _ = liif_edge(["eval", str(artifact), "--data", str(data), "--json", *way.checkpoint])
            found = json.loads(out)
            worst = {case.pop("measure"): case for case in found["worst"]}
            worst["flat"]["colour"] = colour_under(worst["flat"], read_card(artifact), data)
        return {
            "pictures": len(found["images"]),
            **{method: found[method] for method in ("artifact", "fp32", "bicubic")},
            "lost_db": found["fp32"]["psnr_y"] - found["artifact"]["psnr_y"],
            "largest_loss": found["largest_loss"],
            "worst": worst,
        }

    @contextmanager
    def pictures(self, name: str) -> Iterator[Path]:
        """The folder of a test set; a part of one is linked into a folder of its own at ×2."""
        if name not in PARTS:
            yield self.data / name
            return
        whole, step = PARTS[name]
        with tempfile.TemporaryDirectory() as folder:
            for path in sorted((self.data / whole).glob("*_SRF_2_HR.*"))[::step]:
                for each in path, path.with_name(path.name.replace("_HR.", "_LR.")):
                    (Path(folder) / each.name).symlink_to(each.resolve())
            yield Path(folder)

    def bench(self, ways: Sequence[str]) -> Result:
        """Times of all forms side by side, by the names that tables have for them."""
        paths = {str(self.artifact(name)): name for name in ways}
        _, out, _ = liif_edge(["bench", "--repeats", "7", *paths, "--json"])
        rows = {row.pop("name"): row for row in json.loads(out)["rows"]}
        return {"forms": {paths.get(name, name): row for name, row in rows.items()}}

    def details(self) -> Result:
        """Edges, flat parts, and characters misread: by size, and by font at the smallest size."""
        _, out, _ = liif_edge(["eval", str(self.artifact("baseline-x2-int8")), "--details", "--json"])
        found = json.loads(out)
        smallest = [r for r in found["readings"] if r["size"] == min(r["size"] for r in found["readings"])]
        fonts: Result = {}
        for reading in smallest:
            errors, length = reading["errors"], len(reading["truth"])
            fonts.setdefault(reading["font"], {})[reading["method"]] = errors / length
        kinds = {kind: found[kind] for kind in ("text", "icons", *found["cer_variants"])}
        over_fonts = {"misread_variants": found["cer_variants"], "misread_over_fonts": found["cer_fonts"]}
        return {**kinds, "misread": found["cer"], "fonts": fonts, **over_fonts}

    def sensitivity(self) -> Result:
        """The costliest layers, what the others cost at most, and what was chosen."""
        with tempfile.TemporaryDirectory() as folder:
            _, out, _ = liif_edge([*SENSITIVITY, "--out", f"{folder}/bits.json"])
        found = json.loads(out)
        for layer in found["layers"]:
            layer["chosen"] = found["chosen"]["widths"][layer["path"]]
            del layer["bytes"]
        narrowest = list(found["all_loss_db"])[-1]
        ranked = sorted(found["layers"], key=lambda layer: -layer["loss_db"][narrowest])
        named, others = ranked[:COSTLIEST], ranked[COSTLIEST:]
        widths = [layer["chosen"] for layer in others]
        return {
            "costliest": [layer for layer in found["layers"] if layer in named],
            "others": {
                "count": len(others),
                "loss_db": {w: max(layer["loss_db"][w] for layer in others) for w in found["all_loss_db"]},
                "chosen": {width: widths.count(width) for width in sorted(set(widths), reverse=True)},
            },
            "all": {
                "weights": sum(layer["weights"] for layer in found["layers"]),
                "loss_db": found["all_loss_db"],
            },
        }


def colour_under(case: Result, card: Card, data: Path) -> list[int]:
    """RGB in 8 bits of the input under a block of one colour; artifacts of any scale enlarge by 2 here."""
    if case["name"] == "pure colours":
        lr = colour_page(max(card.tile.fixed or 0, EXTREME_SIDE))
    else:
        lr = read_image(data / f"{case['name']}_LR.png").rgb
    scale = 2 if card.scale == "any" else card.scale
    row, column = ((start + BLOCK // 2) // scale for start in case["at"])
    return [int(value) for value in to_uint8(lr)[:, row, column]]


def main() -> int:
    """The command line, as the module has it; exit code 1 if a record could not be made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="make records, and render all tables")
    measuring.add_argument("--data", type=Path, required=True, metavar="DIR")
    measuring.add_argument("--artifacts", type=Path, required=True, metavar="DIR")
    measuring.add_argument("names", nargs="*", metavar="NAME", help="of records; * stands for anything")
    commands.add_parser("render", help="render all tables")
    arguments = parser.parse_args()
    records, failures = read_records(), []
    if arguments.command == "measure":
        makers = Measurer(arguments.data, arguments.artifacts).makers()
        chosen = [
            name
            for name in makers
            if any(fnmatchcase(name, pattern) for pattern in arguments.names)
            or (not arguments.names and name not in records)
        ]
        for name in chosen:
            command, make = makers[name]
            try:
                result = make()
            except NotMeasured as error:
                failures.append(f"{name}: {error}")
                continue
            records[name] = {"command": command, "measured": str(datetime.date.today()), **result}
            write_records(records)
    write_tables(TABLES, records)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
