"""All back ends, by the names that the command line and ``card.json`` have for them. A new one is a line
here and a folder beside this file.
"""

from pathlib import Path

from edge.backends.backend import Backend, Executable, RuntimeOptions
from edge.backends.coreml.backend import COREML, COREML_PTE
from edge.backends.xnnpack.backend import XNNPACK
from edge.card import ArtifactCard
from edge.errors import BadInput

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (XNNPACK, COREML, COREML_PTE)}

DEFAULT_TARGET = XNNPACK.name


def backend_of(target: str) -> Backend:
    """The back end ``target``. Raises BadInput for a name that is not known."""
    if target not in BACKENDS:
        raise BadInput(f"expected a target of {', '.join(BACKENDS)}, found {target}")
    return BACKENDS[target]


def load_program(
    folder: Path,
    card: ArtifactCard,
    options: RuntimeOptions = RuntimeOptions(),  # noqa: B008
) -> Executable:
    """The program of ``card``, which was read, in this process."""
    return BACKENDS[card.target].load(folder, card, options)
