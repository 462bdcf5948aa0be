"""The pictures of a folder: which files they are, to every command alike."""

from pathlib import Path

from models.errors import DataError, RecipeError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def picture_files(folder: Path) -> list[Path]:
    """Paths of the pictures in ``folder``, not below it, by name. Raises DataError if there is none."""
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise DataError(f"{folder}: expected a folder of pictures, found {found}")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not paths:
        raise DataError(f"{folder}: expected pictures ({', '.join(SUFFIXES)}), found none")
    return paths


def split_pictures(files: list[Path], held_out: int) -> tuple[list[Path], list[Path]]:
    """(to train on, to measure on): ``held_out`` pictures, evenly over the names, are never trained on."""
    if not 0 < held_out < len(files):
        raise RecipeError(
            f"expected to hold out 1 to {len(files) - 1} of {len(files)} pictures, found {held_out}"
        )
    chosen = {files[number * len(files) // held_out] for number in range(held_out)}
    return [file for file in files if file not in chosen], sorted(chosen)
