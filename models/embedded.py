"""Checkpoint files: those that come with the package, by name (weights/README.md is their model card), and
whether one is there, which is said without PyTorch."""

from pathlib import Path

from models.errors import CheckpointError

_WEIGHTS = Path(__file__).parent / "weights"

EMBEDDED = {
    "baseline": _WEIGHTS / "liif-edsr-baseline.safetensors",
    "fast": _WEIGHTS / "liif-edsr-fast.safetensors",
    "tiny": _WEIGHTS / "liif-edsr-tiny.safetensors",
    "photo": _WEIGHTS / "liif-edsr-photo.safetensors",
    "screen": _WEIGHTS / "liif-edsr-screen.safetensors",
    "pruned": _WEIGHTS / "liif-edsr-pruned.safetensors",
}

DEFAULT_WEIGHTS = EMBEDDED["baseline"]


def check_checkpoint_file(path: Path) -> None:
    """Raise CheckpointError if there is no file at ``path``."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing there"
        raise CheckpointError(f"{path}: expected a checkpoint file, found {found}")
