"""What tests of commands share: an outcome and what to ask of it, folders, names of tests."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.card import CARD_FILE

ROOT = Path(__file__).parents[2]
CLI = (sys.executable, "-m", "edge.cli")
# Python leaves Ctrl-C alone where it was started with Ctrl-C ignored, as shells do with background jobs.
INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from edge.cli import main; sys.exit(main(sys.argv[1:]))"
)


def joined(value: object) -> str:
    """A test's name from its parameters: options and specs, not what is expected."""
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else ""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """Standard output, which must be one JSON object and nothing else."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


Run = Callable[..., Outcome]


def changed(folder: Path, tmp_path: Path, **fields: object) -> Path:
    """A copy of an artifact with other fields in its card."""
    copy = Path(shutil.copytree(folder, tmp_path / "changed"))
    values = json.loads((copy / CARD_FILE).read_text())
    (copy / CARD_FILE).write_text(json.dumps({**values, **fields}))
    return copy


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every path below ``folder``, hidden ones too, with the files' contents."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def assert_refused(outcome: Outcome, *words: str, code: int = 2) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("liif-edge: ")
    assert outcome.err.count("\n") == 1 and outcome.err.endswith("\n")
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def assert_refused_after_notes(outcome: Outcome, *words: str) -> None:
    """As ``assert_refused``, behind the line that says what was begun."""
    first, _, rest = outcome.err.partition("\n")
    assert first.endswith(": building")
    assert_refused(Outcome(outcome.code, outcome.out, rest), *words)
