"""LIIF-EDSR: the network in its three forms, its checkpoints and the pictures we draw for it."""

from models.checkpoint import (
    DEFAULT_WEIGHTS,
    EMBEDDED,
    checkpoint_hash,
    load_checkpoint,
    save_checkpoint,
)
from models.errors import CheckpointError
from models.liif.any_scale import AnyScaleDecoder, AnyScaleEncoder
from models.liif.fixed_scale import SCALES, FixedScaleLIIF
from models.liif.network import LIIF, LIIFConfig

__all__ = [
    "DEFAULT_WEIGHTS",
    "EMBEDDED",
    "LIIF",
    "SCALES",
    "AnyScaleDecoder",
    "AnyScaleEncoder",
    "CheckpointError",
    "FixedScaleLIIF",
    "LIIFConfig",
    "checkpoint_hash",
    "load_checkpoint",
    "save_checkpoint",
]
