"""Every engine that ``bench --peers`` knows."""

import sys
from collections.abc import Callable
from pathlib import Path

from edge.errors import MissingDependency
from edge.evaluate.forms import Form
from edge.evaluate.peers.ncnn import Ncnn
from edge.evaluate.peers.onnx_runtime import OnnxRuntime
from edge.evaluate.peers.openvino import OpenVino
from edge.evaluate.peers.peer import Peer, make_subject, require
from models import LIIF

PEERS: tuple[Peer, ...] = (OpenVino(), OnnxRuntime(), Ncnn())


def peer_forms(
    model: LIIF, scale: int, tile: int, folder: Path, log: Callable[[str], None]
) -> dict[str, Form]:
    """``model`` at ``scale`` in the forms of every engine that is installed, by row, converted in ``folder``
    for tiles of ``tile`` pixels. ``log`` is told what is being converted, and which engines are left out."""
    subject = make_subject(model, scale, tile, folder)
    forms: dict[str, Form] = {}
    for peer in PEERS:
        try:
            require(peer)
        except MissingDependency as error:
            log(f"left out: {error}")
            continue
        log(f"{peer.name}: converting")
        path = list(sys.path)
        forms |= {f"{peer.name}-{precision}": form for precision, form in peer.convert(subject).items()}
        sys.path[:] = path  # a converter's folders would hide our packages from processes that start later
    return forms
