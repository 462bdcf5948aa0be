"""Upstream's ``.pth`` checkpoints, read and written."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.errors import CheckpointError, brief
from models.liif.network import LIIF, LIIFConfig

# Encoders of the published code that are EDSR without its upsampler, and their res_scale there:
# the one number that the weights do not tell.
EDSR_RES_SCALE = {"edsr-baseline": 1.0, "edsr": 0.1}

# Fixed RGB shifts that upstream's EDSR stores and never applies.
UNUSED = re.compile(r"encoder\.(sub|add)_mean\.(weight|bias)")

# The mean that upstream's unused RGB shifts store (DIV2K, in [0, 1] units).
_DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


def read_upstream(path: Path) -> tuple[LIIFConfig, dict[str, Tensor]]:
    """Configuration and weights of a ``.pth`` checkpoint. Raises CheckpointError for any other file."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # whether it loads is what counts
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: expected a file of tensors only, found one that is damaged "
            "or would run code when loaded; it was not loaded"
        ) from error
    except Exception as error:  # on damaged files torch raises nearly every type
        raise CheckpointError(
            f"{path}: expected a .pth checkpoint, found a damaged file or one of another kind"
        ) from error
    try:
        return _from_upstream(path, content)
    except CheckpointError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: expected upstream's layout {{'model': {{'name', 'args', 'sd'}}}}, found another "
            f"({type(error).__name__}: {brief(error)})"
        ) from error


def _from_upstream(path: Path, content: Any) -> tuple[LIIFConfig, dict[str, Tensor]]:
    """Configuration and weights in ``content``; of another layout, whatever Python raises for it."""
    model = _table(_table(content)["model"])
    name, args, weights = model["name"], _table(model["args"]), _table(model["sd"])
    encoder, mlp = _table(args["encoder_spec"]), _table(args["imnet_spec"])
    encoder_args, mlp_args = _table(encoder.get("args") or {}), _table(mlp.get("args") or {})
    found = (name, encoder["name"], mlp["name"])
    if found[0] != "liif" or found[1] not in EDSR_RES_SCALE or found[2] != "mlp":
        raise CheckpointError(
            f"{path}: expected a liif model with an encoder of "
            f"{', '.join(EDSR_RES_SCALE)} and an mlp, found {brief(' / '.join(map(str, found)))}"
        )
    tensors = {key: value for key, value in weights.items() if not UNUSED.fullmatch(key)}
    if not all(isinstance(value, Tensor) for value in tensors.values()):
        raise CheckpointError(f"{path}: expected tensors in 'sd', found other objects")
    config = _infer_config(path, tensors, args, encoder_args.get("res_scale", EDSR_RES_SCALE[found[1]]))
    _check_stated(path, config, encoder_args, mlp_args)
    return config, tensors


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a {type(value).__name__} in a table's place")
    return value


def _infer_config(
    path: Path, weights: Mapping[str, Tensor], args: Mapping[str, Any], res_scale: float
) -> LIIFConfig:
    """Sizes from the weights' shapes; options from ``args``, where upstream's default is True."""
    options = {key: args.get(key, True) for key in ("local_ensemble", "feat_unfold", "cell_decode")}

    def widths(pattern: str) -> list[int]:
        matches = [(re.fullmatch(pattern, key), value) for key, value in weights.items()]
        return [
            v.shape[0] for m, v in sorted(((int(m[1]), v) for m, v in matches if m), key=lambda pair: pair[0])
        ]

    linears = widths(r"imnet\.layers\.(\d+)\.weight")
    head = weights.get("encoder.head.0.weight")
    if head is None or len(linears) < 2:
        raise CheckpointError(
            f"{path}: expected weights of an EDSR encoder and an MLP, found {len(weights)} other tensors"
        )
    try:
        return LIIFConfig(
            n_feats=head.shape[0],
            block_widths=tuple(widths(r"encoder\.body\.(\d+)\.body\.0\.weight")),
            res_scale=res_scale,
            hidden_widths=tuple(linears[:-1]),
            **options,
        )
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _check_stated(
    path: Path, config: LIIFConfig, encoder_args: Mapping[str, Any], mlp_args: Mapping[str, Any]
) -> None:
    """What the file states of its sizes must be what its weights are."""
    stated = {
        "n_feats": encoder_args.get("n_feats", config.n_feats),
        "n_resblocks": encoder_args.get("n_resblocks", len(config.block_widths)),
        "hidden_list": list(mlp_args.get("hidden_list", config.hidden_widths)),
        "out_dim": mlp_args.get("out_dim", 3),
    }
    found = {
        "n_feats": config.n_feats,
        "n_resblocks": len(config.block_widths),
        "hidden_list": list(config.hidden_widths),
        "out_dim": 3,
    }
    for key, value in stated.items():
        if value != found[key]:
            raise CheckpointError(
                f"{path}: expected weights of {key}={brief(value)} as the file states, found {found[key]}"
            )


def write_upstream(model: LIIF, path: Path) -> None:
    """Write ``model`` as a ``.pth`` checkpoint. Raises CheckpointError for blocks of several widths."""
    config = model.config
    if set(config.block_widths) - {config.n_feats}:
        raise CheckpointError(
            "expected blocks as wide as the trunk, which upstream's format needs, "
            f"found {config.block_widths}; save as .safetensors"
        )
    mean = torch.tensor(_DIV2K_MEAN)
    weights = dict(model.state_dict())
    for name, sign in (("sub_mean", -1.0), ("add_mean", 1.0)):
        weights[f"encoder.{name}.weight"] = torch.eye(3).view(3, 3, 1, 1)
        weights[f"encoder.{name}.bias"] = sign * mean
    args = {
        "encoder_spec": {
            "name": "edsr-baseline",
            "args": {
                "no_upsampling": True,
                "n_resblocks": len(config.block_widths),
                "n_feats": config.n_feats,
                "res_scale": config.res_scale,
            },
        },
        "imnet_spec": {"name": "mlp", "args": {"out_dim": 3, "hidden_list": list(config.hidden_widths)}},
        "local_ensemble": config.local_ensemble,
        "feat_unfold": config.feat_unfold,
        "cell_decode": config.cell_decode,
    }
    torch.save({"model": {"name": "liif", "args": args, "sd": weights}}, path)
