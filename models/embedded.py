"""Checkpoints that come with the package, by name (weights/README.md is their model card)."""

from pathlib import Path

_WEIGHTS = Path(__file__).parent / "weights"

EMBEDDED = {
    "baseline": _WEIGHTS / "liif-edsr-baseline.safetensors",
    "fast": _WEIGHTS / "liif-edsr-fast.safetensors",
}
DEFAULT_WEIGHTS = EMBEDDED["baseline"]
