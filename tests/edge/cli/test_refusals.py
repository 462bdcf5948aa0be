"""Every command refuses checkpoints and artifacts that are none, whole or of another version, in one line."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from command_line import (
    assert_refused,
    changed,
    listing,
)

from edge.card import CARD_FILE
from models import LIIF, LIIFConfig, save_checkpoint


class RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def not_a_checkpoint(path: Path) -> None:
    path.write_text("no checkpoint")


def cut_off(path: Path) -> None:
    torch.manual_seed(0)
    save_checkpoint(LIIF(LIIFConfig(n_feats=4, block_widths=(4,), hidden_widths=(8,))), path)
    path.write_bytes(path.read_bytes()[:-100])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"model": RunsCode()}, protocol=2))


BAD_CHECKPOINTS = {
    "text.pth": (not_a_checkpoint, "expected a"),
    "text.safetensors": (not_a_checkpoint, "expected a safetensors file"),
    "cut-off.pth": (cut_off, "expected a .pth checkpoint, found a damaged file"),
    "cut-off.safetensors": (cut_off, "expected a safetensors file"),
    "pickle.pth": (pickled, "would run code when loaded; it was not loaded"),
    "gone.pth": (lambda path: None, "expected a checkpoint file, found nothing there"),
    "folder.pth": (lambda path: path.mkdir(), "expected a checkpoint file, found a folder"),
}


@pytest.mark.parametrize("name", BAD_CHECKPOINTS)
@pytest.mark.parametrize("command", ["upscale", "baseline", "build"])
def test_what_is_no_checkpoint_is_refused(run, picture, tmp_path, monkeypatch, name, command):
    monkeypatch.chdir(tmp_path)
    make, words = BAD_CHECKPOINTS[name]
    make(tmp_path / name)
    before = listing(tmp_path)
    arguments = {
        "upscale": (picture, tmp_path / "out.png"),
        "baseline": (tmp_path / "out.npz",),
        "build": ("--out", tmp_path / "dist"),
    }
    outcome = run(command, *arguments[command], "--checkpoint", tmp_path / name)
    assert_refused(outcome, name, words)
    assert listing(tmp_path) == before


def of_another_version(folder: Path, tmp_path: Path) -> Path:
    return changed(folder, tmp_path, schema_version=2)


def with_a_flipped_bit(folder: Path, tmp_path: Path) -> Path:
    copy = changed(folder, tmp_path)
    content = bytearray((copy / "model.pte").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.pte").write_bytes(content)
    return copy


def without_a_card(folder: Path, tmp_path: Path) -> Path:
    copy = changed(folder, tmp_path)
    (copy / CARD_FILE).unlink()
    return copy


BAD_ARTIFACTS = {
    "missing card": (without_a_card, "expected card.json in the folder, found none"),
    "unknown version": (of_another_version, "expected schema version 1, found 2"),
    "hash": (with_a_flipped_bit, "expected the program that the card describes"),
    "nothing": (lambda folder, tmp_path: tmp_path / "gone", "expected an artifact folder, found nothing"),
}


@pytest.mark.parametrize("kind", BAD_ARTIFACTS)
@pytest.mark.parametrize("command", ["info", "check", "eval", "upscale", "sample"])
def test_what_is_no_whole_artifact_is_refused(run, tiny, picture, tmp_path, kind, command):
    make, words = BAD_ARTIFACTS[kind]
    artifact = make(tiny.artifact(2, "fp32"), tmp_path)
    before = listing(tmp_path)
    arguments = {
        "info": (artifact, "--json"),
        "check": (artifact, "--json"),
        "eval": (artifact, "--data", picture.parent, "--json"),
        "upscale": (picture, tmp_path / "out.png", "--artifact", artifact),
        "sample": (tmp_path / "out.png", "--compare", artifact),
    }
    assert_refused(run(command, *arguments[command]), words)
    assert listing(tmp_path) == before
