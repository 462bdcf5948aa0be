"""Output files: refused before the work rather than after it, and whole or not at all."""

from pathlib import Path

from edge.errors import BadInput, OutputExists


def check_report_path(path: Path, suffix: str, force: bool) -> None:
    """Raise now what ``write_report`` would raise after the work: OutputExists or BadInput."""
    if path.suffix != suffix:
        raise BadInput(f"{path}: expected a name ending in {suffix}")
    if path.is_dir() or not path.parent.is_dir():
        raise BadInput(f"{path}: expected a file in a folder that exists, found none there")
    if path.exists() and not force:
        raise OutputExists(f"{path}: expected a free path, found a file; --force replaces it")


def write_report(path: Path, text: str) -> None:
    """The file, whole or not at all. Raises BadInput where it cannot be written."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: expected to write the report, found {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
