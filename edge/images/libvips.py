"""libvips, which reads and writes pictures row by row; Pillow holds the whole of one."""

from typing import Any


def libvips() -> Any:
    """The module ``pyvips``, imported on first use."""
    import pyvips

    # It would keep the last operations, and with them the files that they read, open after we closed them.
    pyvips.cache_set_max(0)
    return pyvips
