"""Which room may import which, and which packages wait until a function needs them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Room: what of ours it may import besides itself.
ROOMS = {"models": set(), "quantize": {"models"}, "edge": {"models", "quantize"}}

# The arrow inside ``edge``, from what a user calls to what everything stands on: a part imports only parts
# below it. ``artifact`` is a door for other programs, that nothing here goes through.
PARTS = (
    "cli",
    "page",
    "jobs",
    "upscaler",
    "tune",
    "cache",
    "artifact",
    "pipeline",
    "super_resolution",
    "evaluate",
    "check",
    "run",
    "devices",
    "card_writer",
    "compress",
    "task",
    "embedded",
    "recipe",
    "card_reader",
    "backends",
    "palettes",
    "mixed_precision_config",
    "precisions",
    "card",
    "images",
    "output_file",
    "json_measures",
    "work",
    "errors",
)

# Slow to import, absent on some systems, or needed by few commands: imported in the function.
HEAVY = {
    "coremltools",
    "executorch",
    "ncnn",
    "nncf",
    "onnxruntime",
    "openvino",
    "optuna",
    "pnnx",
    "pytesseract",
    "pyvips",
    "ray",
    "skimage",
    "torch_pruning",
    "torchao",
}


def top_level_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run on import, those under ``if``, ``try``, ``with`` and ``class`` included."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from top_level_statements(statement.orelse)
            continue
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from top_level_statements(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            yield from top_level_statements(handler.body)


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Top-level names of the packages that ``nodes`` import; relative imports stay in their own."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def imported_modules(source: str) -> set[str]:
    """Dotted names of what ``source`` imports, wherever it does; ``from edge import x`` is ``edge.x``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part_of(module: str) -> str | None:
    """The part of ``edge`` that a dotted name lies in, None outside."""
    room, _, rest = module.partition(".")
    return rest.partition(".")[0] if room == "edge" else None


def imports_anywhere(source: str) -> set[str]:
    return imported(ast.walk(ast.parse(source)))


def imports_on_import(source: str) -> set[str]:
    return imported(top_level_statements(ast.parse(source).body))


def modules_of(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_before_it(room):
    assert modules_of(room)
    forbidden = {*ROOMS, "build", "tests"} - ROOMS[room] - {room}
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in modules_of(room)
        if (found := imports_anywhere(path.read_text()) & forbidden)
    }
    assert wrong == {}


def test_quantize_knows_no_network():
    """It works on any module: of ``models`` it may have the type of arrays, and nothing else."""
    wrong = {}
    for path in modules_of("quantize"):
        found = {name for name in imported_modules(path.read_text()) if name.startswith("models")}
        if found - {"models.arrays.Float"}:
            wrong[path.name] = found
    assert wrong == {}


def test_every_part_of_edge_has_its_place_in_the_arrow():
    found = {
        path.stem
        for path in (ROOT / "edge").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert found - {"__init__"} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_edge_imports_only_the_parts_below_it(part):
    above = {*PARTS[: PARTS.index(part)], "artifact"}
    own = ROOT / "edge" / part
    files = modules_of(f"edge/{part}") if own.is_dir() else [own.with_suffix(".py")]
    assert files
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in files
        if (found := {part_of(name) for name in imported_modules(path.read_text())} & above - {part})
    }
    assert wrong == {}


BACKEND_NAMES = {"xnnpack", "coreml", "coreml-pte"}


def test_only_back_ends_spell_their_names_out():
    """Devices have names of their own, one of them ``coreml``; elsewhere the table is asked."""
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in modules_of("edge")
        if not path.is_relative_to(ROOT / "edge" / "backends") and path.parent.name != "devices"
        if (
            found := BACKEND_NAMES
            & {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        )
    }
    assert wrong == {}


@pytest.mark.parametrize("room", ROOMS)
def test_heavy_back_ends_are_imported_where_they_are_needed(room):
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in modules_of(room)
        if (found := imports_on_import(path.read_text()) & HEAVY)
    }
    assert wrong == {}


def test_apps_meet_python_through_artifact_folders_only():
    wrong = [path for path in modules_of("apps") if imports_anywhere(path.read_text()) & {*ROOMS}]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "on_import", "anywhere"),
    [
        ("import executorch.exir as exir", {"executorch"}, {"executorch"}),
        ("from torchao.quantization import x", {"torchao"}, {"torchao"}),
        ("def f():\n    import coremltools", set(), {"coremltools"}),
        (
            "class A:\n    import skimage\n    def f(self):\n        import torchao",
            {"skimage"},
            {"skimage", "torchao"},
        ),
        ("try:\n    import torchao\nexcept ImportError:\n    import skimage", *[{"torchao", "skimage"}] * 2),
        ("if True:\n    with x:\n        import skimage", {"skimage"}, {"skimage"}),
        (
            "if TYPE_CHECKING:\n    import executorch\nelse:\n    import edge",
            {"edge"},
            {"executorch", "edge"},
        ),
        ("from . import errors\nfrom .devices import coreml", set(), set()),
    ],
)
def test_the_rules_see_every_way_to_import(source, on_import, anywhere):
    assert imports_on_import(source) == on_import
    assert imports_anywhere(source) == anywhere
