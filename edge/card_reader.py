"""Reads ``card.json``: what is missing, unknown or wrong is named by its field."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from edge.backends.table import BACKENDS
from edge.card import CARD_FILE, SCHEMA_VERSION, ArtifactCard, Card, hash_program
from edge.errors import BadArtifact

AnyCard = TypeVar("AnyCard", bound=ArtifactCard)


def read_card_as(kind: type[AnyCard], folder: Path) -> AnyCard:
    """The card, of this ``kind``, of the artifact in ``folder``, with the hashes of its programs checked.

    Raises BadArtifact if there is none, if it is of another schema version, lacks or adds fields, or if
    a program is missing or is not the one the card describes.
    """
    path = folder / CARD_FILE
    if not folder.is_dir():
        raise BadArtifact(f"{folder}: expected an artifact folder, found {_what(folder)}")
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadArtifact(f"{folder}: expected {CARD_FILE} in the folder, found none") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadArtifact(f"{path}: expected JSON, found {error}") from error
    version = values.get("schema_version") if isinstance(values, dict) else None
    if version != SCHEMA_VERSION:
        raise BadArtifact(f"{path}: expected schema version {SCHEMA_VERSION}, found {version!r}")
    try:
        card = kind.model_validate_json(json.dumps(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "card"
        raise BadArtifact(f"{path}: {where}: {first['msg']}") from error
    if card.target not in BACKENDS:
        raise BadArtifact(f"{path}: target: expected {', '.join(BACKENDS)}, found {card.target}")
    for name, program in card.programs.items():
        if not (folder / name).exists():
            raise BadArtifact(f"{folder}: expected the program {name}, found none")
        found = hash_program(folder / name)
        if found != program:
            raise BadArtifact(
                f"{folder / name}: expected the program that the card describes (sha256 "
                f"{program.sha256[:12]}…), found another or a damaged one ({found.sha256[:12]}…)"
            )
    return card


def read_card(folder: Path) -> Card:
    """The card of an artifact that upscales pictures; see ``read_card_as``."""
    return read_card_as(Card, folder)


def _what(path: Path) -> str:
    return "a file" if path.exists() else "nothing there"
