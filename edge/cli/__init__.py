"""The command ``liif-edge``."""

from edge.cli.main import main

__all__ = ["main"]
