import pytest
import torch
from torch.utils.data import default_collate

from models import LIIF, LIIFConfig
from models.errors import RecipeError
from models.liif.objective import EXCESS, ColourLoss, Distillation
from models.liif.patches import PatchDataset, PatchSpec
from models.picture_files import picture_files


def tiny(seed=0, **options):
    torch.manual_seed(seed)
    return LIIF(LIIFConfig(**{"n_feats": 6, "block_widths": (4,), "hidden_widths": (8,), **options}))


@pytest.fixture
def batch(pictures):
    dataset = PatchDataset(picture_files(pictures), PatchSpec(patch=6), 0, True)
    return default_collate([dataset[number] for number in range(2)])


def test_every_weight_is_trained(batch):
    student = tiny()
    ColourLoss(student, tiny(1), Distillation())(batch).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in student.parameters())


def test_the_teacher_is_neither_trained_nor_saved(batch):
    teacher = tiny(1)
    objective = ColourLoss(tiny(), teacher, Distillation())
    objective(batch).backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert set(objective.state_dict()) == {f"student.{name}" for name in tiny().state_dict()}


def test_a_student_like_its_teacher_has_nothing_to_learn_from_it(pictures):
    spec = PatchSpec(patch=6, one_member=False)
    dataset = PatchDataset(picture_files(pictures), spec, 0, True)
    batch = default_collate([dataset[0]])
    loss = ColourLoss(tiny(), tiny(), Distillation(colours=1.0, features=1.0))(batch)
    assert float(loss.detach()) < 1e-6


def test_without_a_teacher_the_picture_alone_counts(batch):
    alone = ColourLoss(tiny(), None, Distillation())(batch)
    shared = ColourLoss(tiny(), tiny(1), Distillation(colours=0.0, features=0.0))(batch)
    assert float(alone.detach()) == float(shared.detach())


def test_what_leaves_the_limit_in_the_trunk_costs_by_how_far(batch):
    trunk = [output.detach() for output in tiny().encoder.trunk((batch.lr - 0.5) / 0.5)]
    largest = max(float(output.abs().max()) for output in trunk)
    free, held, beyond = (
        float(ColourLoss(tiny(), None, Distillation(), limit)(batch).detach())
        for limit in (0.0, largest, largest / 2)
    )
    excess = sum((output.abs() - largest / 2).clamp(min=0).sum(1).mean() for output in trunk)
    assert free == held
    assert beyond - free == pytest.approx(EXCESS * float(excess), rel=1e-3)


def test_a_teacher_takes_nothing_from_the_weight_of_the_limit(batch):
    def added_by_limit(teacher: LIIF | None) -> float:
        free, limited = (
            float(ColourLoss(tiny(), teacher, Distillation(colours=1.0), limit)(batch).detach())
            for limit in (0.0, 0.1)
        )
        return limited - free

    assert added_by_limit(None) > 0.01
    assert added_by_limit(tiny(1)) == pytest.approx(added_by_limit(None), rel=1e-3)


def test_features_of_another_number_cannot_be_compared():
    with pytest.raises(RecipeError, match="a teacher with 6 features, as the student has, found 10"):
        ColourLoss(tiny(), tiny(n_feats=10), Distillation())
    ColourLoss(tiny(), tiny(n_feats=10), Distillation(features=0.0))


@pytest.mark.parametrize("options", [{"colours": 1.1}, {"features": -1.0}, {"colours": float("nan")}])
def test_weights_that_make_no_loss_are_refused(options):
    with pytest.raises(RecipeError, match="expected a"):
        Distillation(**options)
