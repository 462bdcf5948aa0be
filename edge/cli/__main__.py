"""``python -m edge.cli``: the command without its script."""

import sys

from edge.cli.main import main

sys.exit(main())
