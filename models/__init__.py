"""LIIF-EDSR: the network in its three forms, its checkpoints and the pictures we draw for it."""

from importlib import import_module
from typing import TYPE_CHECKING

from models.embedded import DEFAULT_WEIGHTS, EMBEDDED
from models.errors import CheckpointError
from models.liif.scales import SCALES

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

# PyTorch takes seconds to import: what needs it is imported when it is first asked for.
if TYPE_CHECKING:
    from models.checkpoint import checkpoint_hash, load_checkpoint, save_checkpoint
    from models.liif.any_scale import AnyScaleDecoder, AnyScaleEncoder
    from models.liif.fixed_scale import FixedScaleLIIF
    from models.liif.network import LIIF, LIIFConfig
else:
    _MODULES = {
        "models.checkpoint": ("checkpoint_hash", "load_checkpoint", "save_checkpoint"),
        "models.liif.any_scale": ("AnyScaleDecoder", "AnyScaleEncoder"),
        "models.liif.fixed_scale": ("FixedScaleLIIF",),
        "models.liif.network": ("LIIF", "LIIFConfig"),
    }

    def __getattr__(name):
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
