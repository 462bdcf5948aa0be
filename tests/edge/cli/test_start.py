"""Help, a card, usage errors and refusals come at once: nothing that takes seconds to import is imported."""

import json
import subprocess
import sys
from pathlib import Path

from command_line import ROOT
from PIL import Image

SLOW = ("coremltools", "executorch", "matplotlib", "optuna", "pyvips", "skimage", "torch", "torchao")

# Runs commands one after the other; writes, for each, its exit code and what of SLOW is there by then.
WATCH = f"""
import json, sys
from edge.cli.main import main
seen = []
for line in json.load(open(sys.argv[1])):
    try:
        code = main(line)
    except SystemExit as error:
        code = error.code
    seen.append([code, [name for name in {SLOW} if name in sys.modules]])
json.dump(seen, open(sys.argv[1], "w"))
"""

COMMANDS = (
    *("build", "sensitivity", "info", "upscale", "sample", "baseline", "check", "devices", "eval", "bench"),
    *("train", "prune", "tune", "serve"),
)


def imports_of(tmp_path: Path, *lines: list[str]) -> list[tuple[int, list[str]]]:
    """In a process of its own, each command's exit code, and what is slow and imported by its end."""
    file = tmp_path / "lines.json"
    file.write_text(json.dumps(lines))
    command = (sys.executable, "-c", WATCH, str(file))
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return [(code, names) for code, names in json.loads(file.read_text())]


def test_help_of_every_command_comes_at_once(tmp_path):
    lines = [["--help"], *([command, "--help"] for command in COMMANDS)]
    assert imports_of(tmp_path, *lines) == [(0, [])] * len(lines)


def test_a_card_comes_at_once(tiny, tmp_path):
    artifact = str(tiny.artifact(2, "fp32"))
    assert imports_of(tmp_path, ["info", artifact], ["info", artifact, "--json"]) == [(0, [])] * 2


def test_what_a_device_lacks_comes_at_once(tmp_path):
    assert imports_of(tmp_path, ["devices"]) == [(0, [])]


def test_usage_errors_come_at_once(tmp_path):
    lines = ([], ["enlarge"], ["upscale"], ["upscale", "a", "b", "--scale", "x"], ["tune", "--by", "luck"])
    assert imports_of(tmp_path, *lines) == [(2, [])] * len(lines)


REFUSALS = [
    "build --target coreml",
    "build --precision fp16",
    "build --tile 16",
    "build --precision int8 --mixed-precision {}/gone.json",
    "sensitivity --max-loss 0.01",
    "sensitivity --max-loss 0.01 --out {}/layers.txt",
    "info {}/gone",
    "upscale {}/gone.png {}/out.png",
    "upscale {}/text.png {}/out.png",
    "upscale {}/small.png {}/out.txt",
    "upscale {}/small.png {}/small.png",
    "upscale {}/small.png {}/out.png --scale 31",
    "upscale {}/small.png {}/out.png --size 4x4",
    "upscale {}/small.png {}/out.png --artifact {}/gone",
    "sample {}/small.png",
    "sample {}/out.png --compare {}/gone",
    "baseline {}/out.txt",
    "baseline {}/out.npz --scale 31",
    "check {}/gone",
    "check {}/gone --outputs {}",
    "check {}/gone --report {}/report.txt",
    "eval {}/gone --data {}",
    "eval {}/gone --details --degraded",
    "bench {}/gone",
    "bench --tile 300",
    "prune {}/out.pth --macs 0.5 --data {}",
    "prune {}/out.safetensors --macs 1.5 --data {}",
    "prune {}/out.safetensors --macs 0.5 --data {}/gone",
    "prune {}/out.safetensors --macs 0.5 --data {} --checkpoint {}/gone.pth",
    "build --checkpoint {}/gone.pth",
    "build --checkpoint {}",
    "build --calibration {}/gone",
    "sensitivity --checkpoint {}/gone.pth",
    "sensitivity --data {}/gone",
    "upscale {}/small.png {}/out.png --checkpoint {}/gone.pth",
    "baseline {}/out.npz --checkpoint {}/gone.pth",
    "baseline {}/out.npz --images {}/gone",
    "eval {}/gone --data {}/gone",
    "eval {}/gone --data {} --checkpoint {}/gone.pth",
    "bench --checkpoint {}/gone.pth",
    "train gone --data {}",
    "train distil --data {}/gone",
    "train distil --data {} --start {}/gone.pth",
    "train distil --data {} --teacher {}/gone.pth",
    "serve --artifact {}/gone",
    "serve --artifact {} --checkpoint {}/gone.pth",
    "serve --checkpoint {}/small.png",
    "serve --jobs 0",
    "tune --checkpoint {}/gone.pth",
    "tune --max-loss -1",
    "tune --trials 0",
    "tune --batches 0 --by macs",
    "tune --precision palette-mixed --target coreml",
    "tune --precision fp16",
    "tune --data {}/gone",
    "tune --data {}/one",
    "tune --calibration {}/gone",
]


def test_refusals_that_need_no_network_come_at_once(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "one").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "only.png")
    lines = [line.replace("{}", str(tmp_path)).split() for line in REFUSALS]
    found = imports_of(tmp_path, *lines)
    assert dict(zip(REFUSALS, found, strict=True)) == dict.fromkeys(REFUSALS, (2, []))


def test_an_artifact_is_not_loaded_before_the_checkpoint_is_seen_to_be_missing(tiny, tmp_path):
    gone = ["--checkpoint", str(tmp_path / "gone.pth")]
    lines = (["check", str(tiny.artifact(2, "fp32")), *gone], ["check", str(tiny.artifact(3, "fp32")), *gone])
    assert imports_of(tmp_path, *lines) == [(2, [])] * len(lines)


def test_what_needs_the_network_is_seen_to_import_it(tmp_path):
    (tmp_path / "text.pth").write_text("no checkpoint")
    checkpoint = str(tmp_path / "text.pth")
    lines = (["info", "gone"], ["baseline", str(tmp_path / "out.npz"), "--checkpoint", checkpoint])
    (_, before), (code, after) = imports_of(tmp_path, *lines)
    assert (before, code, "torch" in after) == ([], 2, True)


# What builds and checks programs, and what they import.
BUILDERS = (
    "coremltools",
    "executorch.exir",
    "optuna",
    "skimage",
    "torchao",
    "torch_pruning",
    "torch._dynamo",
)

RUN = f"""
import sys
from edge.cli.main import main
code = main(sys.argv[1:])
sys.exit(code or ", ".join(name for name in {BUILDERS} if name in sys.modules) or 0)
"""


def test_upscaling_imports_nothing_that_only_builds_need(tiny, tmp_path):
    Image.new("RGB", (24, 24), (9, 99, 199)).save(tmp_path / "icon.png")
    paths = [str(tmp_path / name) for name in ("icon.png", "large.png")]
    command = (sys.executable, "-c", RUN, "upscale", *paths, "--artifact", str(tiny.artifact(2, "int8")))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
