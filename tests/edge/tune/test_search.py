import shlex
import shutil
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from PIL import Image
from studies import MAX_LOSS, WORST, job_of, point_of

from edge.cli.main import main, parser
from edge.cli.tuning import _precisions, require_front
from edge.errors import BadInput, CheckFailed, ExportError, MissingDependency
from edge.precisions import MIXED, NUMERICS
from edge.tune import search as tuning
from edge.tune.candidate import Candidate
from edge.tune.search import Findings, Search
from edge.tune.study import identity_of
from edge.tune.trial_metrics import Measurement, Time, measured_pairs
from models import checkpoint_hash, load_checkpoint
from models.drawings import draw_sheet
from models.liif.cost import count_macs
from models.training.recipe import read_recipe


class Told(list):
    """Notes; ``interrupt_at``: the one at which the user presses Ctrl-C."""

    def __init__(self, interrupt_at="never"):
        self.interrupt_at = interrupt_at

    def __call__(self, text):
        self.append(text)
        if self.interrupt_at in text:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def study(tiny, checkpoint, tmp_path_factory):
    """A study of three trials that was interrupted in its second: (job, notes before, notes after)."""
    job = job_of(checkpoint, tmp_path_factory.mktemp("tune") / "a #1?")
    job.out.mkdir()
    shutil.copytree(tiny.artifact(2, "fp32"), job.out / "reference")  # any clock will do
    before, after = Told("trial 2"), Told()
    with pytest.raises(KeyboardInterrupt):
        Search(job, before).run()
    assert Search(job).findings().trials == 1
    Search(job, after).run()
    return job, before, after


def test_an_interrupted_study_goes_on_with_the_trial_that_was_interrupted(study):
    job, before, after = study
    assert before[-1].startswith("trial 2 of 3: ")
    assert after[0] == before[-1]
    assert Search(job).findings().trials == 3
    assert (job.out / "study.db").is_file()


def test_the_first_trial_is_the_network_as_it_is(study, model):
    point = Search(study[0]).findings().points[0]
    assert point.candidate == Candidate(100, 100, False, "fp32")
    assert abs(point.measured.loss) < MAX_LOSS
    assert point.measured.macs >= count_macs(model.config, 2).total // 4
    assert (
        point.measured.bytes > 0 and point.ms == point.measured.time.share * point.measured.time.reference_ms
    )


def test_what_was_worst_of_the_network_as_it_is_is_next_to_nothing(study):
    worst = Search(study[0]).findings().points[0].measured.worst
    assert worst.picture in [pair.name for pair in measured_pairs(None, 2)]
    assert abs(worst.loss) < MAX_LOSS
    assert 0 <= worst.flat <= worst.block < 0.05


def test_what_loses_too_much_in_fp32_is_not_built(study):
    findings = Search(study[0]).findings()
    assert findings.over
    assert all(loss > MAX_LOSS for _, loss in findings.over)
    assert all(point.measured.loss <= MAX_LOSS for point in findings.front)


def test_a_study_that_is_done_only_reports(study, monkeypatch):
    monkeypatch.setattr(tuning, "build_artifact", None)
    job, told = study[0], Told()
    assert Search(job, told).run() == Search(job).findings()
    assert told == []


def test_the_front_is_what_nothing_beats_within_the_loss(tiny, checkpoint, tmp_path, monkeypatch):
    def measured(search, candidate, network, evaluator):
        ms = candidate.encoder + candidate.decoder - 100 * (candidate.precision == "int8")
        loss = (200 - candidate.encoder - candidate.decoder) / 400 + 0.1 * (candidate.decoder % 10 > 0)
        return Measurement(37 - loss, loss, 1, 1, Time(ms / 100, 5000 - 10 * ms), WORST)

    monkeypatch.setattr(Search, "_measured", measured)
    job = job_of(checkpoint, tmp_path, by="time", precisions=("fp32", "int8"), max_loss=0.15, trials=12)
    shutil.copytree(tiny.artifact(2, "fp32"), job.out / "reference")
    findings = Search(job).run()
    assert all(p.ms == p.measured.time.share * 3000 for p in findings.points)  # 5000 - 10 * 200
    values = {(p.ms, p.measured.loss) for p in findings.points if p.measured.loss <= 0.15}
    best = {v for v in values if not any(o != v and o[0] <= v[0] and o[1] <= v[1] for o in values)}
    assert [(p.ms, p.measured.loss) for p in findings.front] == sorted(best)
    assert 1 < len(best) < len(findings.points)
    assert any(p.measured.loss > 0.15 for p in findings.points)


def arguments_of(job, *options):
    return [
        *("tune", "--checkpoint", str(job.checkpoint), "--out", str(job.out), "--by", "macs"),
        *("--precision", "fp32", "--batches", "2", "--max-loss", str(MAX_LOSS), "--trials", "3", *options),
    ]


def test_the_command_prints_the_front_and_leaves_a_plot_and_recipes(study, model, capfd):
    job = study[0]
    assert main(arguments_of(job)) == 0
    out = capfd.readouterr().out
    assert "e100-d100-single-fp32" in out
    assert "worst block of 255" in out and "largest loss" in out
    assert ElementTree.parse(job.out / "front.svg").getroot().tag.endswith("svg")
    recipe = read_recipe(job.out / "front" / "e100-d100-single-fp32.toml")
    assert load_checkpoint(recipe.start).config == model.config
    assert checkpoint_hash(load_checkpoint(recipe.teacher)) == checkpoint_hash(model)
    commands = [line.strip() for line in out.splitlines() if line.startswith("   liif-edge")]
    assert len(commands) == 2 * out.count(", no local ensemble, fp32")
    for command in commands:
        parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize(
    ("options", "differs"),
    [
        (["--scale", "3"], "scale"),
        (["--max-loss", "0.1"], "max_loss"),
        (["--batches", "3"], "batches"),
    ],
)
def test_another_study_in_the_folder_is_refused_in_one_line(study, capfd, options, differs):
    assert main(arguments_of(study[0], *options)) == 2
    err = capfd.readouterr().err
    assert f"found one of another {differs}; --out" in err and err.count("\n") == 1


def test_another_checkpoint_or_other_pictures_are_another_study(study, tiny, tmp_path, capfd):
    for name, side in (("a", 128), ("b", 128)):
        Image.fromarray(draw_sheet(side, side, 0)).save(tmp_path / f"{name}.png")
    assert main(arguments_of(study[0], "--checkpoint", str(tiny.checkpoint), "--data", str(tmp_path))) == 2
    assert "found one of another checkpoint, data;" in capfd.readouterr().err


def test_a_file_that_is_no_study_is_refused(checkpoint, tmp_path, capfd):
    (tmp_path / "study.db").write_text("mine" * 1000)
    assert main(arguments_of(job_of(checkpoint, tmp_path))) == 2
    err = capfd.readouterr().err
    assert "expected a study or a place for one" in err and err.count("\n") == 1
    assert (tmp_path / "study.db").read_text() == "mine" * 1000


def test_without_optuna_the_message_says_how_to_get_it(checkpoint, tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(arguments_of(job_of(checkpoint, tmp_path / "new"))) == 3
    assert "pip install 'liif-edge[tune]'" in capfd.readouterr().err
    assert not (tmp_path / "new").exists()


def test_programs_that_cannot_be_built_are_trials_that_failed(tiny, checkpoint, tmp_path, monkeypatch, capfd):
    def fail(*_):
        raise ExportError("differs from fp32")

    monkeypatch.setattr(tuning, "build_artifact", fail)
    job = job_of(checkpoint, tmp_path)
    shutil.copytree(tiny.artifact(2, "fp32"), job.out / "reference")
    assert main(arguments_of(job, "--trials", "1")) == 1
    assert "expected programs that could be built, found none" in capfd.readouterr().err
    ((candidate, error),) = Search(job).findings().failed
    assert candidate.encoder == 100 and error == "differs from fp32"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_loss": float("nan")}, "a loss of 0 dB or more, found nan"),
        ({"max_loss": -0.1}, "a loss of 0 dB or more"),
        ({"trials": 0}, "at least 1 of trials, found 0"),
        (
            {"precisions": ("fp16",)},
            "expected a precision of fp32, int8-dynamic, int8 for xnnpack, found fp16",
        ),
        ({"precisions": ("fp32", "int8")}, "expected one precision with macs"),
    ],
)
def test_what_cannot_be_searched_is_refused(checkpoint, tmp_path, changes, message):
    with pytest.raises(BadInput, match=message):
        job_of(checkpoint, tmp_path, **changes)


@pytest.mark.parametrize("target", ["coreml", "coreml-pte"])
def test_interpreted_packages_are_not_timed(checkpoint, tmp_path, monkeypatch, target):
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(MissingDependency, match="--by macs"):
        job_of(checkpoint, tmp_path, target=target, by="time")
    assert job_of(checkpoint, tmp_path, target=target).by == "macs"


def test_a_study_is_of_the_pictures_that_its_builds_calibrate_on(checkpoint, tmp_path, model):
    """The TIFF, and nothing below the folder."""
    folder = tmp_path / "calm"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.tif", "deeper/b.png"):
        Image.new("RGB", (60, 50)).save(folder / name)
    job = job_of(checkpoint, tmp_path, calibration=folder)
    before = identity_of(job, model, None, None)
    (folder / "deeper" / "b.png").unlink()
    assert identity_of(job, model, None, None) == before
    Image.new("RGB", (60, 50), "red").save(folder / "a.tif")
    assert identity_of(job, model, None, None) != before


def test_a_precision_that_needs_widths_of_layers_is_refused(checkpoint, tmp_path, capfd):
    arguments = ["--target", "coreml", "--precision", MIXED, "--out", str(tmp_path / "study")]
    assert main(["tune", "--checkpoint", str(checkpoint), *arguments]) == 2
    assert "expected a precision that all layers share, found palette-mixed" in capfd.readouterr().err
    assert not (tmp_path / "study").exists()


def test_without_a_precision_the_smallest_that_all_layers_share_is_tried_by_multiplications():
    arguments = parser().parse_args(["tune", "--target", "coreml", "--by", "macs"])
    assert _precisions(arguments) == ("palette4",)


def test_a_candidate_that_is_off_on_pure_colours_alone_is_not_on_the_front(
    tiny, checkpoint, tmp_path, monkeypatch
):
    fp32 = NUMERICS["fp32"]
    strict = replace(fp32, threshold=replace(fp32.threshold, worst_flat=-1.0))
    monkeypatch.setitem(NUMERICS, "fp32", strict)
    job = job_of(checkpoint, tmp_path, trials=1)
    shutil.copytree(tiny.artifact(2, "fp32"), job.out / "reference")
    findings = Search(job).run()
    ((_, error),) = findings.failed
    assert findings.front == findings.points == ()
    assert "pure colours: expected flat areas within -1 of 255, found " in error


def test_a_budget_that_was_not_met_is_a_failed_check_with_the_best_that_was_found(checkpoint, tmp_path):
    point, over = point_of(40, 0.09, 1.0), (Candidate(20, 40, True, "fp32"), 0.3)
    with pytest.raises(
        CheckFailed, match=r"at most 0\.05 dB, found at least 0\.090 dB in 2 trials \(encoder 40"
    ):
        require_front(job_of(checkpoint, tmp_path, max_loss=0.05), Findings((), (point,), (over,), ()))
