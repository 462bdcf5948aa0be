"""One open page: its pictures, its jobs and their temporary files, all of which end with it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath
from threading import Lock

import numpy as np
from cachetools import LRUCache

from edge.embedded import AUTO, routed_weights
from edge.errors import BadInput
from edge.images.picture import Picture
from edge.images.pixels import bytes_of
from edge.images.transparency import fill_clear
from edge.page.enlargement import (
    Order,
    PagePrecision,
    Saving,
    check_effort,
    check_page_target,
    precision_of,
    read_picture,
    save,
)
from edge.page.jobs import Job, JobQueue
from edge.page.layers import Enlargement, Pixels, bicubic_region
from edge.page.networks import Networks
from edge.page.requests import Wish
from edge.run.tiling import Rect
from edge.run.upscale import target_size
from edge.run.weights import Choice, at_size
from models.arrays import Float

# Decoded pictures that are kept; others are decoded again when they are looked at.
MAX_DECODED_BYTES = 2**30

# Why these weights enlarge a picture with an effort, whatever else suits the file.
ROUTED_REASON = "an effort needs its router"


class NotThere(BadInput):
    """No picture and no job of that number: it was removed."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """``picture``; what networks see of it (3, h, w); and its bytes (h, w, C), to be shown."""

    picture: Picture
    seen: Float
    bytes: Pixels

    @property
    def nbytes(self) -> int:
        """Memory."""
        return self.picture.n_bytes + self.seen.nbytes + self.bytes.nbytes


@dataclass(frozen=True)
class StoredPicture:
    """A file that was dropped. ``name``: the user's, which names no file here. ``size``: (h, w)."""

    number: int
    name: str
    path: Path
    size: tuple[int, int]
    transparent: bool
    notes: tuple[str, ...]
    choice: Choice

    @property
    def stem(self) -> str:
        """The name without folders and suffix, for a download to be named after."""
        return PurePath(self.name).stem or "picture"


class Session:
    """``folder``: its own, for temporary files. ``publish`` is told, from any thread, of jobs that change."""

    def __init__(
        self, folder: Path, networks: Networks, queue: JobQueue, publish: Callable[[Job], None]
    ) -> None:
        self._folder, self._networks, self._queue, self._publish = folder, networks, queue, publish
        self._numbers = count(1)
        self._pictures: dict[int, StoredPicture] = {}
        self._jobs: dict[int, tuple[Job, StoredPicture]] = {}
        self._decoded: LRUCache[int, Decoded] = LRUCache(MAX_DECODED_BYTES, getsizeof=lambda d: d.nbytes)
        self._lock = Lock()
        folder.mkdir()

    def close(self) -> None:
        """End its jobs and, when they have ended, remove its files."""
        jobs = [job for job, _ in self._jobs.values()]
        for job in jobs:
            job.cancelled.set()
        for job in jobs:
            job.ended.wait()
        shutil.rmtree(self._folder)

    def new_file(self) -> Path:
        """A path for a temporary file."""
        return self._folder / str(next(self._numbers))

    def add_picture(self, name: str, path: Path) -> StoredPicture:
        """The picture in ``path``, a ``new_file``, which is removed if it is none. Raises BadImage."""
        try:
            picture, choice = read_picture(path)
        except BadInput as error:
            path.unlink()
            raise type(error)(str(error).replace(str(path), name)) from error
        stored = StoredPicture(
            int(path.name), name, path, picture.size, picture.has_alpha, picture.notes, choice
        )
        self._keep(stored.number, picture)
        self._pictures[stored.number] = stored
        return stored

    def remove_picture(self, number: int) -> None:
        """With its jobs."""
        stored = self.picture(number)
        for job, of in list(self._jobs.values()):
            if of is stored:
                self.remove_job(job.number)
        del self._pictures[number]
        stored.path.unlink()

    def picture(self, number: int) -> StoredPicture:
        """Raises NotThere."""
        if number not in self._pictures:
            raise NotThere(f"expected a picture of this page, found no {number}")
        return self._pictures[number]

    def add_job(self, wish: Wish) -> Job:
        """Enlarge as it is asked for. Raises BadInput for what cannot be."""
        stored = self.picture(wish.number)
        scale = wish.scale
        size = scale if isinstance(scale, tuple) else target_size(stored.size, scale)
        check_page_target(stored.size, size)
        card = self._networks.card
        if card is not None and card.scale not in ("any", size[0] / stored.size[0]):
            raise BadInput(f"expected ×{card.scale}, the scale of {card.name}, found {size[1]}x{size[0]}")
        if wish.effort and card is None:
            routed = routed_weights(wish.weights or AUTO, precision_of(wish.precision))
            choice = Choice(routed, "" if wish.weights else ROUTED_REASON)
        else:
            choice = _choice(stored, wish.weights, size)
        order = Order(
            picture=stored.path,
            size=size,
            weights=choice.weights,
            precision=wish.precision,
            artifact=self._networks.artifact,
            bigger=self._networks.bigger,
            effort=wish.effort,
            planes=self.new_file().with_suffix(".npy"),
            reduced_error=self.new_file().with_suffix(".npy"),
            chosen=self.new_file().with_suffix(".npy"),
        )
        check_effort(order, stored.size)
        job = Job(next(self._numbers), order, self._publish, choice.reason)
        self._jobs[job.number] = job, stored
        self._queue.add(job)
        return job

    def remove_job(self, number: int) -> None:
        """Cancel it if it has not ended; its files go."""
        job, _ = self.job(number)
        job.cancelled.set()
        del self._jobs[number]
        # What its worker has open stays until it is closed.
        for path in (job.order.planes, job.order.reduced_error, job.order.chosen):
            path.unlink(missing_ok=True)

    def cancel(self, number: int) -> None:
        """End it at the next tile."""
        self.job(number)[0].cancelled.set()

    def job(self, number: int) -> tuple[Job, StoredPicture]:
        """The job and its picture. Raises NotThere."""
        if number not in self._jobs:
            raise NotThere(f"expected a job of this page, found no {number}")
        return self._jobs[number]

    def enlargement(self, number: int) -> Enlargement:
        """What a job has made so far. Raises NotThere before its first tile."""
        job, stored = self.job(number)
        if not job.progress.done:
            raise NotThere(f"expected a job with an enlargement, found {number} {job.state}")
        decoded = self._decode(stored)

        def fp32(region: Rect) -> Float:
            renderer = self._networks.fp32(job.order.weights)
            return renderer.render(decoded.seen, stored.path, job.order.size, region)

        done = job.state == "done"
        return Enlargement(
            planes=np.load(job.order.planes, mmap_mode="r"),
            bytes=decoded.bytes,
            reduced_error=np.load(job.order.reduced_error, mmap_mode="r") if done else None,
            chosen=np.load(job.order.chosen, mmap_mode="r") if done and job.order.chosen.exists() else None,
            fp32=fp32,
        )

    def magnify(
        self, number: int, by: str, weights: str | None, size: tuple[int, int], region: Rect
    ) -> tuple[Pixels, str]:
        """``region`` of picture ``number`` enlarged to ``size``, (H', W', C), ``by`` bicubic, network or
        fp32; and by what, in words."""
        stored = self.picture(number)
        decoded = self._decode(stored)
        bicubic = bicubic_region(decoded.bytes, size, region)
        if by == "bicubic":
            return bicubic, by
        precision: PagePrecision = "fp32" if by == "fp32" else "int8"
        chosen = _choice(stored, weights, size).weights
        renderer = self._networks.of_page(chosen, precision)
        rgb = bytes_of(renderer.render(decoded.seen, stored.path, size, region))
        pixels = np.concatenate([rgb, bicubic[:, :, 3:]], axis=2)  # with bicubic's alpha, if there is one
        card = renderer.card
        return pixels, card.name if self._networks.card is not None else f"{chosen}, {card.precision}"

    def save(self, number: int, saving: Saving) -> Path:
        """A file of a job that is done. Raises BadInput for what its format cannot hold."""
        job, stored = self.job(number)
        if job.state != "done":
            raise NotThere(f"expected a job that is done, found {number} {job.state}")
        path = self.new_file().with_suffix(saving.suffix)
        try:
            save(np.load(job.order.planes, mmap_mode="r"), self._decode(stored).picture, path, saving)
        except BadInput as error:
            raise type(error)(str(error).replace(str(path), stored.name)) from error
        return path

    def _decode(self, stored: StoredPicture) -> Decoded:
        with self._lock:
            kept = self._decoded.get(stored.number)
        return kept or self._keep(stored.number, read_picture(stored.path)[0])

    def _keep(self, number: int, picture: Picture) -> Decoded:
        planes = picture.planes
        rgb = planes[:3] if picture.alpha is None else fill_clear(planes[:3], picture.alpha)
        decoded = Decoded(picture, rgb, bytes_of(planes))
        with self._lock:
            if decoded.nbytes <= MAX_DECODED_BYTES:
                self._decoded[number] = decoded
        return decoded


def _choice(stored: StoredPicture, asked: str | None, size: tuple[int, int]) -> Choice:
    """Weights to enlarge ``stored`` to ``size``: those ``asked`` for, without a reason, or those that suit
    it."""
    return at_size(stored.choice, stored.size, size) if asked is None else Choice(asked, "")
