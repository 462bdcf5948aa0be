"""Baseline bundles: what the fp32 reference computes, probe by probe, in one file with its provenance.

A bundle is a ``.npz`` file: readable with NumPy alone, and without pickle (docs/format/baseline.md).
"""

import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.card import Card
from edge.devices.machine import processor_name
from edge.errors import BadBundle
from edge.output_file import check_path, whole_file
from edge.work import Work
from models.arrays import Float
from models.liif.scales import SCALES

if TYPE_CHECKING:
    import torch

    from models import LIIF

BUNDLE_VERSION = 2
BUNDLE_SUFFIX = ".npz"

# Of the embedded weights at ×2, on four tiles of 32x32 of the sample pictures and three of pure colours. Its
# provenance says that a CPU made it.
EMBEDDED_BUNDLE = Path(__file__).parents[1] / "bundles" / "liif-x2.npz"
PROVENANCE_KEY = "provenance"


@dataclass(frozen=True)
class Provenance:
    """Where a bundle comes from. ``size_factor``: target size over input size, of every tile."""

    bundle_version: int
    checkpoint_sha256: str
    size_factor: float
    device: str
    driver: str
    torch: str
    tf32: bool
    deterministic: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class BaselineTile:
    """One picture: input (3, h, w), the encoder's features (C, h, w) and the final colours (3, H, W).

    ``colours``: per-neighbour predictions of every decoder query, before blending, less 0.5, (3·E, h, w)
    in the fixed-scale form's order; None unless the bundle's scale is 2, 3 or 4.
    """

    name: str
    lr: Float
    features: Float
    sr: Float
    colours: Float | None = None


@dataclass(frozen=True)
class Bundle:
    """All tiles of a baseline, and its provenance."""

    provenance: Provenance
    tiles: tuple[BaselineTile, ...]


def run_reference(model: "LIIF", pictures: Sequence[tuple[str, Float]], scale: float) -> Work[BaselineTile]:
    """The reference form on each of ``pictures`` (3, h, w): on CUDA where there is a GPU, else on the CPU.

    TF32 is off and the algorithms are deterministic, only while a tile is made.
    """
    return Work(len(pictures), (_run(model, name, lr, scale) for name, lr in pictures))


def bundle_of(tiles: Iterable[BaselineTile], model: "LIIF", scale: float) -> Bundle:
    """A bundle of ``run_reference``'s tiles; the provenance says which device made them."""
    import torch

    from models import checkpoint_hash

    made = tuple(tiles)
    device = _device()
    provenance = Provenance(
        bundle_version=BUNDLE_VERSION,
        checkpoint_sha256=checkpoint_hash(model),
        size_factor=scale,
        device=torch.cuda.get_device_name() if device.type == "cuda" else f"CPU {processor_name()}",
        driver=f"CUDA {torch.version.cuda}" if device.type == "cuda" else "none",
        torch=torch.__version__,
        tf32=False,
        deterministic=True,
        names=tuple(tile.name for tile in made),
    )
    return Bundle(provenance, made)


def _run(model: "LIIF", name: str, lr: Float, scale: float) -> BaselineTile:
    import torch

    from edge.run.upscale import target_size
    from models import FixedScaleLIIF
    from models.liif.edsr import normalized

    with _deterministic(model) as device, torch.no_grad():
        tensor = torch.from_numpy(np.ascontiguousarray(lr[None])).to(device)  # (1, 3, h, w)
        features = model.encoder(normalized(tensor))
        sr = model(tensor, target_size((lr.shape[1], lr.shape[2]), scale))
        colours = None
        if scale in SCALES:
            fixed = FixedScaleLIIF(model, int(scale)).to(device)
            colours = fixed.predict(features)[0].cpu().numpy()
        return BaselineTile(name, lr, features[0].cpu().numpy(), sr[0].cpu().numpy(), colours)


@contextmanager
def _deterministic(model: "LIIF") -> Iterator["torch.device"]:
    """``model`` on the device, in exact fp32; the process's settings and the model go back after it."""
    import torch

    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    deterministic = torch.are_deterministic_algorithms_enabled()
    # cuBLAS is deterministic only with a fixed workspace; read when its first handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.use_deterministic_algorithms(True)
    device = _device()
    try:
        model.to(device)
        yield device
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32
        model.to("cpu")


def _device() -> "torch.device":
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def write_bundle(bundle: Bundle, path: Path, force: bool = False) -> None:
    """Write the bundle to ``path`` (``.npz``), whole or not at all; the same bundle gives the same bytes.

    Raises what ``check_path`` raises, and BadInput where the file cannot be written.
    """
    check_path(path, (BUNDLE_SUFFIX,), force)
    arrays: dict[str, NDArray[np.float32] | NDArray[np.uint8]] = {
        PROVENANCE_KEY: np.frombuffer(json.dumps(asdict(bundle.provenance)).encode(), np.uint8)
    }
    for number, tile in enumerate(bundle.tiles):
        arrays[f"{number}/lr"] = tile.lr
        arrays[f"{number}/features"] = tile.features
        arrays[f"{number}/sr"] = tile.sr
        if tile.colours is not None:
            arrays[f"{number}/colours"] = tile.colours
    # Opened here: to a path that does not end in .npz, NumPy adds it.
    with whole_file(path, "the bundle") as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_bundle(path: Path) -> Bundle:
    """The bundle in ``path``. Raises BadBundle for anything else, a damaged or a newer one."""
    if not path.is_file():
        raise BadBundle(f"{path}: expected a baseline bundle, found no file there")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (
        # What NumPy and zipfile raise for damage: in the file, in its index, in an array's header.
        *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
        *(KeyError, TypeError, ValueError, SyntaxError, tokenize.TokenError),
    ) as error:
        raise BadBundle(
            f"{path}: expected a .npz baseline bundle, found a damaged or another file"
        ) from error
    try:
        stated = json.loads(arrays[PROVENANCE_KEY].tobytes())
        if stated["bundle_version"] != BUNDLE_VERSION:
            found = stated["bundle_version"]
            raise BadBundle(f"{path}: expected bundle version {BUNDLE_VERSION}, found {found!r}")
        provenance = Provenance(**{**stated, "names": tuple(stated["names"])})
        tiles = tuple(
            BaselineTile(
                name,
                _picture(arrays[f"{number}/lr"]),
                _picture(arrays[f"{number}/features"]),
                _picture(arrays[f"{number}/sr"]),
                _picture(arrays[f"{number}/colours"]) if provenance.size_factor in SCALES else None,
            )
            for number, name in enumerate(provenance.names)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadBundle(f"{path}: expected the layout of a baseline bundle, found {error!r}") from error
    return Bundle(provenance, tiles)


def fits_embedded_bundle(card: Card) -> bool:
    """Whether an artifact of ``card``, if it is of the embedded weights, can be checked by
    ``EMBEDDED_BUNDLE``."""
    return card.scale == 2 and card.tile.fixed is None


def require_checkpoint(bundle: Bundle, sha256: str) -> None:
    """Raises BadBundle if the bundle is of another network: its numbers would say nothing."""
    found = bundle.provenance.checkpoint_sha256
    if found != sha256:
        raise BadBundle(
            f"expected a baseline of the artifact's checkpoint {sha256[:12]}…, found one of {found[:12]}…"
        )


def _picture(array: NDArray[np.float32]) -> Float:
    if array.ndim != 3 or array.dtype != np.float32:
        raise ValueError(f"float32 pictures of three axes, found {array.dtype} {array.shape}")
    return array
