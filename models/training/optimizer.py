"""Steps of a training: Adam for all weights, or Muon for the matrices among them."""

from typing import Any

import torch
from torch import nn

from models.liif.network import LIIF
from models.training.recipe import TrainingRecipe

State = dict[str, Any]


class Optimizer:
    """Adam (arXiv 1412.6980) for every weight of ``student``; by the recipe's ``matrix_learning_rate`` Muon
    instead for the weights of hidden layers."""

    def __init__(self, student: LIIF, recipe: TrainingRecipe) -> None:
        self._recipe = recipe
        hidden = hidden_weights(student) if recipe.matrix_learning_rate else []
        self._muon = _ConvolutionalMuon(hidden) if hidden else None
        by_muon = {id(weight) for weight in hidden}
        self._adam = torch.optim.Adam(w for w in student.parameters() if id(w) not in by_muon)
        self._student = student

    def step(self, learning_rate: float) -> None:
        """One step down the gradients, which are gone afterwards. ``learning_rate`` is Adam's; Muon's follows
        it."""
        _set_learning_rate(self._adam, learning_rate)
        self._adam.step()
        if self._muon is not None:
            share = learning_rate / self._recipe.learning_rate
            self._muon.step(share * self._recipe.matrix_learning_rate)
        self._student.zero_grad()

    def state_dict(self) -> State:
        """All that is needed to go on."""
        state: State = {"adam": self._adam.state_dict()}
        if self._muon is not None:
            state["muon"] = self._muon.optimizer.state_dict()
        return state

    def load_state_dict(self, state: State) -> None:
        """Go on from ``state_dict()`` of the same recipe."""
        self._adam.load_state_dict(state["adam"])
        if self._muon is not None:
            self._muon.optimizer.load_state_dict(state["muon"])


class _ConvolutionalMuon:
    """Muon (Jordan et al. 2024; PyTorch's own) for weights of two axes and more, each as a matrix of outputs
    by all the rest."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self._weights = weights
        self._matrices = [nn.Parameter(weight.detach().flatten(1).clone()) for weight in weights]
        self.optimizer = torch.optim.Muon(self._matrices, weight_decay=0)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        for weight, matrix in zip(self._weights, self._matrices, strict=True):
            assert weight.grad is not None  # every weight has a part in the loss
            matrix.copy_(weight.flatten(1))
            matrix.grad = weight.grad.flatten(1)
        _set_learning_rate(self.optimizer, learning_rate)
        self.optimizer.step()  # type: ignore[no-untyped-call]  # missing in stubs
        for weight, matrix in zip(self._weights, self._matrices, strict=True):
            weight.copy_(matrix.view_as(weight))


def hidden_weights(student: LIIF) -> list[nn.Parameter]:
    """The weights of all layers but those that read or write colours: where Muon is meant for."""
    colours = {id(student.encoder.head[0].weight), id(student.imnet.linears[-1].weight)}
    return [w for w in student.parameters() if w.ndim > 1 and id(w) not in colours]


def _set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
