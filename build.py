"""The default recipe: ``python build.py`` is ``liif-edge build``."""

import sys

from edge.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["build", *sys.argv[1:]]))
