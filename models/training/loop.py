"""The training loop: one CPU, one GPU or several, from scratch or from a checkpoint, resumable.

A run is a folder: ``state.pt`` (all that is needed to go on), ``log.jsonl`` (a line per report) and
``model.safetensors`` (the averaged weights, a checkpoint like any other).
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import RecipeError, TrainingError
from models.liif.network import LIIF, LIIFConfig
from models.liif.objective import ColourLoss, Distillation, Objective
from models.liif.patches import PatchDataset, Sample
from models.output_file import whole_file
from models.picture_files import picture_files, split_pictures
from models.pictures import read_picture
from models.resize import bicubic, middle
from models.training.optimizer import Optimizer
from models.training.recipe import TrainingRecipe

STATE_FILE, LOG_FILE, MODEL_FILE = "state.pt", "log.jsonl", "model.safetensors"

# What is cut from the middle of a held-out picture: side in HR pixels at most, and what every scale divides.
VALIDATION_SIDE, EVERY_SCALE = 192, 12

Report = dict[str, float]

# Student, teacher (None: none) and how much of it, to what is minimised.
MakeObjective = Callable[[LIIF, LIIF | None, Distillation], Objective]


def train(
    recipe: TrainingRecipe,
    data: Path,
    run: Path,
    *,
    device: str | None = None,
    make_objective: MakeObjective | None = None,
) -> Path:
    """All of ``training``; returns the checkpoint's path."""
    for _ in training(recipe, data, run, device=device, make_objective=make_objective):
        pass
    return run / MODEL_FILE


def training(
    recipe: TrainingRecipe,
    data: Path,
    run: Path,
    *,
    device: str | None = None,
    make_objective: MakeObjective | None = None,
) -> Iterator[Report]:
    """Train by ``recipe`` on the pictures in ``data`` into the folder ``run``, from one report to the next.

    The checkpoint is ``run / MODEL_FILE``. Goes on where ``run`` stopped, at whatever moment that was; the
    result is the same as without a stop. ``device``: ``cpu`` or ``cuda``; None takes a GPU where there is
    one. ``make_objective``: what is minimised, None for the loss of a float recipe. Started by ``torchrun``,
    every process takes its share of each batch.

    A report has ``step``, ``loss``, ``seconds`` per step and, when it was measured, ``psnr_x2``, … of the
    held-out pictures in dB. It comes when all is saved, and from the first process only.

    Raises DataError, CheckpointError, RecipeError for what the user gave, another recipe's ``run`` included,
    TrainingError if the loss becomes NaN.
    """
    if make_objective is None:
        if recipe.int8:
            raise RecipeError("expected a float recipe, found int8 = true: liif-edge train runs such recipes")
        make_objective = partial(ColourLoss, feature_limit=recipe.feature_limit)
    torch.manual_seed(recipe.seed)
    with process_group(device) as chosen:
        pictures, held_out = split_pictures(picture_files(data), recipe.held_out)
        student = new_student(recipe)
        dataset = PatchDataset(
            pictures,
            recipe.patches,
            recipe.seed,
            student.config.local_ensemble,
            recipe.degradation,
            recipe.screen,
        )
        teacher = None if recipe.teacher is None else load_checkpoint(recipe.teacher).to(chosen)
        objective = make_objective(student.to(chosen).train(), teacher, recipe.distillation)
        trainer = _Trainer(recipe, objective, chosen)
        if (run / STATE_FILE).exists():
            trainer.load(run / STATE_FILE)
        if _is_first():
            run.mkdir(parents=True, exist_ok=True)
        for report in trainer.steps(dataset):
            if not _is_first():
                continue
            trainer.save(run)
            if trainer.step % recipe.validate_every == 0 or trainer.step == recipe.steps:
                report |= validate(trainer.upscaler, held_out, recipe.scales, chosen)
            with (run / LOG_FILE).open("a", encoding="utf-8") as log:
                log.write(json.dumps(report) + "\n")
            yield report


def describe_report(report: Report, recipe: TrainingRecipe) -> str:
    """A report in one line for people."""
    step, seconds = int(report["step"]), report["seconds"]
    left = (recipe.steps - step) * seconds / 60
    text = f"step {step} of {recipe.steps}: loss {report['loss']:.5f}, {seconds:.2f} s each"
    text += f", {left:.0f} min left"
    scores = [f"×{name[-1]} {value:.2f} dB" for name, value in report.items() if name.startswith("psnr")]
    return f"{text}; {', '.join(scores)}" if scores else text


class _Trainer:
    """What changes while training, and how it is saved."""

    def __init__(self, recipe: TrainingRecipe, objective: Objective, device: torch.device) -> None:
        self.recipe, self.objective, self.device, self.step = recipe, objective, device, 0
        student = objective.student
        student.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in stubs
        self.ema = AveragedModel(student, multi_avg_fn=partial(average, recipe.ema))
        self.optimizer = Optimizer(student, recipe)

    @property
    def averaged(self) -> LIIF:
        """The averaged weights, as a network."""
        assert isinstance(self.ema.module, LIIF)
        return self.ema.module

    def upscaler(self, scale: int) -> Callable[[Tensor], Tensor]:
        """The averaged weights at ``scale``."""
        return self.objective.upscaler(self.averaged, scale)

    def steps(self, dataset: PatchDataset) -> Iterator[Report]:
        """Train to the recipe's last step; a report every ``report_every`` steps and at the end."""
        recipe = self.recipe
        forward: nn.Module = self.objective
        if dist.is_initialized():
            forward = DistributedDataParallel(self.objective)
        losses: list[Tensor] = []
        self.objective.refresh()
        since = time.perf_counter()
        for batch in self._batches(dataset):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.bf16):
                loss = forward(batch)
            loss.backward()
            self.optimizer.step(learning_rate(recipe, self.step))
            self.ema.update_parameters(self.objective.student)
            losses.append(loss.detach())
            self.step += 1
            if self.step % recipe.report_every == 0 or self.step == recipe.steps:
                mean = float(torch.stack(losses).mean())
                if not math.isfinite(mean):
                    raise TrainingError(
                        f"expected a finite loss, found {mean} by step {self.step}; "
                        "a lower learning_rate or bf16 = false may help"
                    )
                now = time.perf_counter()
                yield {"step": self.step, "loss": mean, "seconds": (now - since) / len(losses)}
                self.objective.refresh()
                losses, since = [], time.perf_counter()

    def _batches(self, dataset: PatchDataset) -> Iterator[Sample]:
        """This process's part of every batch from the current step on."""
        rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        recipe = self.recipe
        if recipe.batch % world:
            raise RecipeError(f"expected a batch that {world} processes divide, found {recipe.batch}")
        local_batch = recipe.batch // world
        first, end = self.step * recipe.batch, recipe.steps * recipe.batch
        indices = [
            number
            for start in range(first + rank * local_batch, end, recipe.batch)
            for number in range(start, start + local_batch)
        ]
        cuda = self.device.type == "cuda"
        loader = DataLoader(
            dataset,
            local_batch,
            sampler=indices,
            num_workers=recipe.workers,
            pin_memory=cuda,
            drop_last=False,
        )
        for batch in loader:
            placed = _to(batch, self.device)
            yield placed._replace(lr=placed.lr.contiguous(memory_format=torch.channels_last))

    def save(self, run: Path) -> None:
        """State and checkpoint, each whole or not at all; a stop in between costs nothing."""
        state = {
            "recipe": self.recipe.to_json(),
            "step": self.step,
            "student": self.objective.student.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with whole_file(run / STATE_FILE) as unfinished:
            torch.save(state, unfinished)
        save_checkpoint(self.averaged, run / MODEL_FILE)

    def load(self, path: Path) -> None:
        """Go on from ``path``. Raises RecipeError for a damaged file or another recipe's."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            recipe = state["recipe"]
        except Exception as error:  # torch's readers raise many kinds
            raise RecipeError(f"{path}: expected the state of a run, found {error}") from error
        if recipe != self.recipe.to_json():
            raise RecipeError(
                f"{path}: expected a run of this recipe, found one that differs in "
                f"{_changed(recipe, self.recipe)}"
            )
        self.step = state["step"]
        self.objective.student.load_state_dict(state["student"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])


def new_student(recipe: TrainingRecipe) -> LIIF:
    """The network to train: the recipe's, with every weight that fits taken from ``recipe.start``."""
    if recipe.start is None:
        return LIIF(recipe.model or LIIFConfig())
    source = load_checkpoint(recipe.start)
    if recipe.model is None:
        return source
    student = LIIF(recipe.model)
    own = student.state_dict()
    fitting = {n: t for n, t in source.state_dict().items() if n in own and own[n].shape == t.shape}
    student.load_state_dict(fitting, strict=False)
    return student


@torch.no_grad()
def average(decay: float, averaged: list[Tensor], current: list[Tensor], n: Tensor) -> None:
    """Exponential moving average after ``n`` updates, whose decay grows to ``decay``: a constant one would
    carry the random weights of the first steps for thousands."""
    decay = min(decay, (1 + int(n)) / (10 + int(n)))
    torch._foreach_lerp_(averaged, current, 1 - decay)


def learning_rate(recipe: TrainingRecipe, step: int) -> float:
    """Linear warm-up, then a cosine to the final rate (Loshchilov & Hutter 2016, arXiv 1608.03983)."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    share = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    low, high = recipe.final_learning_rate, recipe.learning_rate
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * share))


@torch.no_grad()
def validate(
    upscaler: Callable[[int], Callable[[Tensor], Tensor]],
    pictures: list[Path],
    scales: tuple[int, ...],
    device: torch.device,
) -> Report:
    """Mean PSNR (dB, RGB, a border of the scale cut) over the middles of ``pictures`` at each scale."""
    report = {}
    for scale in scales:
        upscale = upscaler(scale)
        found = []
        for path in pictures:
            hr = _held_out_part(read_picture(path))
            lr = bicubic(hr, (hr.shape[0] // scale, hr.shape[1] // scale))
            tensor = torch.from_numpy(lr.transpose(2, 0, 1)[None] / np.float32(255)).to(device)
            sr = upscale(tensor)[0].clamp(0, 1).cpu().numpy().transpose(1, 2, 0)
            inside = slice(scale, -scale)
            mse = np.mean((sr - hr / np.float32(255))[inside, inside].astype(np.float64) ** 2)
            found.append(-10 * math.log10(mse))
        report[f"psnr_x{scale}"] = float(np.mean(found))
    return report


def _held_out_part(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of (H, W, 3), at most ``VALIDATION_SIDE`` pixels a side, that every scale divides."""
    height, width = (min(VALIDATION_SIDE, n) // EVERY_SCALE * EVERY_SCALE for n in picture.shape[:2])
    return np.ascontiguousarray(picture[middle(picture.shape[:2], (height, width))])


@contextmanager
def process_group(device: str | None) -> Iterator[torch.device]:
    """The device of this process, in the group that ``torchrun`` describes, if it does."""
    name = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise RecipeError(f"expected a device that is there, found {name!r}")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield torch.device(name)
        return
    local = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if name == "cuda" else torch.device("cpu")
    dist.init_process_group("nccl" if name == "cuda" else "gloo")
    try:
        yield local
    finally:
        dist.destroy_process_group()


def _is_first() -> bool:
    return not dist.is_initialized() or dist.get_rank() == 0


def _to(value: Any, device: torch.device) -> Any:
    """A named tuple of tensors, nested, on ``device``."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    return type(value)(*(_to(part, device) for part in value))


def _changed(stored: str, recipe: TrainingRecipe) -> str:
    try:
        before = json.loads(stored)
    except ValueError:
        return "unreadable"
    after = json.loads(recipe.to_json())
    return ", ".join(sorted(k for k in {*before, *after} if before.get(k) != after.get(k)))
