"""Adam for every weight, or Muon for the hidden ones."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from models import LIIF, LIIFConfig
from models.training.optimizer import Optimizer, hidden_weights
from models.training.recipe import TrainingRecipe

NET = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16, 16))
ADAM = TrainingRecipe(steps=10, warmup=0, model=NET)
MUON = replace(ADAM, matrix_learning_rate=0.01, learning_rate=1e-3)


def new_student() -> LIIF:
    torch.manual_seed(0)
    return LIIF(NET)


def backward(student: LIIF, seed: int) -> None:
    """A gradient for every weight."""
    generator = torch.Generator().manual_seed(seed)
    for weight in student.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


def weights_after_a_step(recipe: TrainingRecipe, learning_rate: float) -> tuple[LIIF, LIIF]:
    before, student = new_student(), new_student()
    optimizer = Optimizer(student, recipe)
    backward(student, 1)
    optimizer.step(learning_rate)
    return before, student


def test_hidden_weights_are_all_matrices_but_those_that_read_or_write_colours():
    student = new_student()
    hidden = {id(weight) for weight in hidden_weights(student)}
    names = [name for name, weight in student.named_parameters() if id(weight) not in hidden]
    matrices = [name for name in names if name.endswith("weight")]
    assert matrices == ["encoder.head.0.weight", "imnet.layers.4.weight"]
    assert {name for name in names if name not in matrices} == {
        name for name, _ in student.named_parameters() if name.endswith("bias")
    }


def test_muon_moves_a_hidden_weight_as_far_in_every_direction():
    before, after = weights_after_a_step(MUON, 1e-3)
    for old, new in zip(hidden_weights(before), hidden_weights(after), strict=True):
        moved = (new - old).detach().flatten(1) / 0.01
        rows, columns = moved.shape
        singular = torch.linalg.svdvals(moved) / max(1, rows / columns) ** 0.5
        assert singular.min() > 0.6 and singular.max() < 1.3  # as near to 1 as five iterations bring them


def test_muon_rises_and_falls_with_the_learning_rate():
    moves = []
    for learning_rate in (1e-3, 5e-4):
        before, after = weights_after_a_step(MUON, learning_rate)
        moves.append(hidden_weights(after)[0].detach() - hidden_weights(before)[0].detach())
    assert_close(moves[0], 2 * moves[1], rtol=1e-4, atol=1e-6)


def test_the_other_weights_are_adams():
    _, adam = weights_after_a_step(ADAM, 1e-3)
    _, muon = weights_after_a_step(MUON, 1e-3)
    hidden = {id(weight) for weight in hidden_weights(muon)}
    for expected, found in zip(adam.parameters(), muon.parameters(), strict=True):
        assert torch.equal(expected, found) == (id(found) not in hidden)


def test_a_step_leaves_no_gradients():
    _, student = weights_after_a_step(MUON, 1e-3)
    assert all(weight.grad is None for weight in student.parameters())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_a_convolution_changes_nothing(memory_format):
    student, other = new_student(), new_student()
    student.encoder.to(memory_format=memory_format)
    for each in (student, other):
        optimizer = Optimizer(each, MUON)
        backward(each, 1)
        optimizer.step(1e-3)
    for one, two in zip(student.parameters(), other.parameters(), strict=True):
        assert_close(one, two, rtol=0, atol=0)


def test_an_optimizer_goes_on_from_its_state():
    student = new_student()
    optimizer = Optimizer(student, MUON)
    backward(student, 1)
    optimizer.step(1e-3)
    state, copy = deepcopy(optimizer.state_dict()), new_student()
    copy.load_state_dict(student.state_dict())
    resumed = Optimizer(copy, MUON)
    resumed.load_state_dict(state)
    for each, by in ((student, optimizer), (copy, resumed)):
        backward(each, 2)
        by.step(1e-3)
    for one, two in zip(student.parameters(), copy.parameters(), strict=True):
        assert_close(one, two, rtol=0, atol=0)
