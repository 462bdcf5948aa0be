"""liif-edge: from a LIIF-EDSR checkpoint to phone artifacts that are checked.

``from edge import Upscaler`` enlarges pictures with them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.upscaler import Upscaler

__all__ = ["Upscaler"]


def __getattr__(name: str) -> Any:
    # Imported by the first who asks: any part of this package is imported through this file.
    if name == "Upscaler":
        from edge.upscaler import Upscaler

        return Upscaler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
