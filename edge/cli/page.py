"""The command that opens the page: serve."""

import argparse
import threading
import webbrowser
from pathlib import Path

from edge.card_reader import read_card
from edge.cli.arguments import Add, add_checkpoint, check_inputs, count
from edge.cli.terminal import Terminal
from edge.errors import BadInput, MissingDependency


def add_parsers(add: Add) -> None:
    """Declare the command of this file."""
    sub = add("serve", serve, "--artifact dist/liif-x2-int8-xnnpack")
    sub.add_argument("--port", type=count, default=0, help="to listen on, on this machine only (a free one)")
    sub.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    sub.add_argument("--artifact", type=Path, metavar="DIR", help="show this artifact beside fp32")
    add_checkpoint(sub, default=None)
    sub.add_argument(
        "--bigger", type=Path, metavar="DIR", help="artifact of the bigger network that its router knows"
    )
    sub.add_argument("--jobs", type=count, default=2, help="pictures that are enlarged at once (2)")


def serve(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """The page, until Ctrl-C."""
    if arguments.jobs < 1:
        raise BadInput(f"expected at least 1 job at once, found {arguments.jobs}")
    if arguments.checkpoint is not None and arguments.artifact is None:
        raise BadInput("expected --artifact with --checkpoint, found none")
    check_inputs(arguments.checkpoint)
    for folder in (arguments.artifact, arguments.bigger):
        if folder is not None:
            read_card(folder)  # what is none is said before PyTorch is imported
    try:
        from edge.page.server import Page
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"expected {error.name}, found none: pip install 'liif-edge[page]'"
        ) from error
    from edge.page.networks import Networks
    from edge.page.temporary_folder import temporary_folder

    networks = Networks(arguments.artifact, arguments.checkpoint, arguments.bigger)
    with temporary_folder() as folder:
        page = Page(networks, arguments.port, arguments.jobs, folder, terminal.log)
        terminal.print(page.address)
        terminal.log("Ctrl-C ends it; nothing leaves this machine")
        if not arguments.no_browser:
            # Some browsers return when they are closed.
            threading.Thread(target=webbrowser.open, args=(page.address,), daemon=True).start()
        try:
            page.run()
        except KeyboardInterrupt:  # the way to end it
            terminal.log("the page is closed")
    return 0
