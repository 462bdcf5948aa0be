import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from edge.backends.table import BACKENDS
from edge.card_reader import read_card
from edge.cli.main import main, parser
from edge.cli.tuning import _precisions, require_front
from edge.errors import BadInput, CheckFailed, ExportError, MissingDependency
from edge.evaluate.test_sets import Pair
from edge.images.pictures import PHOTOGRAPHS, built_in_pictures
from edge.precisions import MIXED, NUMERICS
from edge.recipe import Recipe
from edge.run.artifact import Artifact
from edge.tune import search as tuning
from edge.tune import trial_metrics as evaluator
from edge.tune.candidate import Candidate, least_percent, make_network
from edge.tune.job import TuneJob
from edge.tune.report import (
    COLOURS,
    commands_of,
    reasons,
    render_plot,
    rows_of,
    worst_rows_of,
    write_recipes,
)
from edge.tune.search import Findings, Point, Search
from edge.tune.study import identity_of
from edge.tune.trial_metrics import (
    Evaluator,
    Measurement,
    Time,
    Worst,
    measured_pairs,
    tile_of,
    time_beside,
)
from models import LIIF, FixedScaleLIIF, LIIFConfig, checkpoint_hash, load_checkpoint, save_checkpoint
from models.drawings import draw_sheet
from models.liif.cost import count_macs
from models.liif.pruning import BudgetError
from models.liif.reference import fp32_picture
from models.liif.widths import prunable
from models.training.recipe import read_recipe

CONFIG = LIIFConfig(n_feats=8, block_widths=(16, 16), hidden_widths=(32, 32), local_ensemble=False)
MAX_LOSS = 0.001  # dB: the unpruned fp32 program is within it
WORST = Worst("a", 0.1, 1.5, 0.5)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    save_checkpoint(LIIF(CONFIG), path)
    return path


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def importance(model):
    torch.manual_seed(1)
    return {layer: torch.rand(layer.width(model.config)) for layer in prunable(model.config, "all")}


def job_of(checkpoint, out, **changes):
    job = TuneJob(checkpoint, out, "xnnpack", ("fp32",), by="macs", max_loss=MAX_LOSS, trials=3, batches=2)
    return replace(job, **changes)


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


@pytest.mark.parametrize("target", BACKENDS)
def test_a_candidate_is_measured_with_a_tile_that_a_recipe_takes(target):
    Recipe((), tile=tile_of(target))


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


def test_a_candidate_keeps_at_most_its_share_of_each_part(model, importance):
    whole = count_macs(model.config)
    made = count_macs(make_network(model, importance, Candidate(60, 70, False, "fp32"), 2).config)
    assert 0.4 * whole.encoder < made.encoder <= 0.6 * whole.encoder
    assert 0.4 * whole.decoder < made.decoder <= 0.7 * whole.decoder


def test_the_least_share_is_the_least_that_can_be_made(model, importance):
    encoder, decoder = least_percent(model.config, 2)
    make_network(model, importance, Candidate(encoder, decoder, False, "fp32"), 2)
    for less in (
        Candidate(encoder - 1, decoder, False, "fp32"),
        Candidate(encoder, decoder - 1, False, "fp32"),
    ):
        with pytest.raises(BudgetError):
            make_network(model, importance, less, 2)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_built_in_pictures_measure_what_they_neither_calibrated_nor_ranked(scale):
    pairs = measured_pairs(None, scale)
    assert not set(evaluator.HELD_OUT_PHOTOGRAPHS) & set(PHOTOGRAPHS)
    others = [picture.tobytes() for picture in built_in_pictures()]
    assert not any(pair.hr.tobytes() in others for pair in pairs)
    for pair in pairs:
        assert pair.hr.shape[1:] == tuple(scale * side for side in pair.lr.shape[1:])
        assert all(64 <= side <= 128 for side in pair.lr.shape[1:])


def test_own_pictures_are_cut_to_their_middles_and_refused_if_small(tmp_path):
    sheet = draw_sheet(400, 300, 0)
    Image.fromarray(sheet).save(tmp_path / "large.png")
    (pair,) = measured_pairs([tmp_path / "large.png"], 2)
    middle = sheet[72:328, 22:278].transpose(2, 0, 1)
    np.testing.assert_allclose(pair.hr, middle / np.float32(255), atol=1e-6)
    Image.fromarray(sheet[:100]).save(tmp_path / "small.png")
    with pytest.raises(BadInput, match=r"small\.png: expected at least 128 pixels a side, found 300x100"):
        measured_pairs([tmp_path / "small.png"], 2)


class Sleeper:
    """A program that takes ``seconds``, and more from turn to turn, by a clock of its own."""

    def __init__(self, seconds, now):
        self.about, self.seconds, self.now = {}, seconds, now

    def run(self, method, inputs):
        self.now["turn"] += 1
        self.now["time"] += self.seconds * (1 + self.now["turn"] // 2)
        return inputs["lr"]


def test_time_is_a_ratio_of_turns_which_noise_of_the_machine_does_not_change(tiny, monkeypatch):
    now = {"time": 0.0, "turn": -1}
    monkeypatch.setattr(evaluator.time, "perf_counter", lambda: now["time"])
    card = read_card(tiny.artifact(2, "fp32"))
    reference, quick = (Artifact(card, Sleeper(seconds, now)) for seconds in (2.0, 0.5))
    time = time_beside(reference, quick)
    assert time.share == pytest.approx(0.25)
    assert time.reference_ms == pytest.approx(1000 * 5 * 2.0 / (64 * 64 / 1e6))  # of turns 1 to 7, after 0


def point_of(encoder, loss, ms, local_ensemble=True, precision="int8"):
    candidate = Candidate(encoder, 80, local_ensemble, precision)
    return Point(candidate, Measurement(37 - loss, loss, 1000 * encoder, 100 * encoder, None, WORST), ms)


def findings_of(*front, beside=()):
    return Findings(front, (*beside, *front), over=(), failed=())


def test_the_plot_shows_every_point_and_numbers_the_front(checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path, by="time", precisions=("fp32", "int8"), max_loss=0.05)
    front = (point_of(40, 0.04, 500.0), point_of(90, 0.01, 1500.0, local_ensemble=False))
    beside = (point_of(100, 0.0, 5000.0, precision="fp32"),)
    root = ElementTree.fromstring(render_plot(job, findings_of(*front, beside=beside)))
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sum("local ensemble" in title for title in titles) == 3
    line = root.find(".//{http://www.w3.org/2000/svg}polyline").get("points")
    (x1, y1), (x2, y2) = (map(float, pair.split(",")) for pair in line.split())
    assert x1 < x2 and y1 < y2  # cheaper on the left; the larger loss above, where y is less
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "1" in texts and "2" in texts and "3" not in texts


def test_numbers_of_points_that_are_close_do_not_cover_each_other(checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path, by="time", max_loss=0.05)
    front = [point_of(number, 0.01, ms) for number, ms in ((40, 500.0), (41, 501.0), (90, 900.0))]
    root = ElementTree.fromstring(render_plot(job, findings_of(*front)))
    numbers = root.findall(".//{http://www.w3.org/2000/svg}text[@x='0']")
    heights = {element.text: float(element.get("y")) for element in numbers}
    assert heights["1"] == heights["3"] < 0 < heights["2"]


@pytest.mark.parametrize(
    ("target", "precision"), [(t, p) for t, ps in BACKENDS.items() for p in ps.precisions if p != MIXED]
)
def test_every_precision_of_a_target_has_a_colour_of_its_own(checkpoint, tmp_path, target, precision):
    job = job_of(checkpoint, tmp_path, target=target, precisions=(precision,))
    points = [point_of(40, 0.0, 500.0), point_of(60, 0.01, 400.0)]
    points = [replace(p, candidate=replace(p.candidate, precision=precision)) for p in points]
    plot = render_plot(job, findings_of(*points))
    number = BACKENDS[target].precisions.index(precision)
    assert [colour in plot for colour in COLOURS] == [n == number for n in range(len(COLOURS))]


def test_a_precision_that_needs_widths_of_layers_is_refused(checkpoint, tmp_path, capfd):
    arguments = ["--target", "coreml", "--precision", MIXED, "--out", str(tmp_path / "study")]
    assert main(["tune", "--checkpoint", str(checkpoint), *arguments]) == 2
    assert "expected a precision that all layers share, found palette-mixed" in capfd.readouterr().err
    assert not (tmp_path / "study").exists()


def test_without_a_precision_the_smallest_that_all_layers_share_is_tried_by_multiplications():
    arguments = parser().parse_args(["tune", "--target", "coreml", "--by", "macs"])
    assert _precisions(arguments) == ("palette4",)


def test_one_point_is_a_plot_too(checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path, by="time", max_loss=0.0)
    assert "polyline" in render_plot(job, findings_of(point_of(40, 0.0, 500.0)))


class Meddled:
    """The network in PyTorch, but for bright pictures, which get noise, and pure blue, which gets red."""

    about: ClassVar = {"device": "PyTorch"}

    def __init__(self, model):
        self.form = FixedScaleLIIF(model, 2)

    def run(self, method, inputs):
        lr = inputs["lr"].copy()
        with torch.no_grad():
            made = self.form(torch.from_numpy(lr)).numpy()
        if lr.mean() > 0.6:
            made = made + np.random.default_rng(0).normal(0, 0.02, made.shape).astype(np.float32)
        blue = (lr[0] == np.float32([0, 0, 1])[:, None, None]).all(0).repeat(2, axis=0).repeat(2, axis=1)
        made[0, 0] += np.float32(4 / 255) * blue
        return made


def test_the_worst_are_the_picture_that_loses_most_and_areas_of_the_page_of_pure_colours(tiny):
    rng = np.random.default_rng(1)
    lows = {name: (least + 0.2 * rng.random((3, 32, 32))) for name, least in (("dark", 0.1), ("bright", 0.7))}
    pairs = [
        Pair(name, lr.astype(np.float32), np.zeros((3, 64, 64), np.float32)) for name, lr in lows.items()
    ]
    near = 0.01 * rng.standard_normal((3, 64, 64)).astype(np.float32)
    pairs = [replace(pair, hr=fp32_picture(tiny.model, pair.lr, (64, 64)) + near) for pair in pairs]
    card = read_card(tiny.artifact(2, "fp32"))
    measured = Evaluator(tiny.model, pairs, None).measure(Artifact(card, Meddled(tiny.model)))
    assert measured.worst.picture == "bright"
    assert measured.worst.loss == pytest.approx(2 * measured.loss, abs=1e-3) and measured.loss > 0.5
    assert measured.worst.flat == pytest.approx(4, abs=0.01) and measured.worst.block >= measured.worst.flat


def test_rows_of_the_worst_cases_are_numbered_like_those_of_the_front():
    points = [point_of(40, 0.0, None), point_of(50, 0.0, None)]
    assert worst_rows_of(points) == [["1", "0.100", "a", "1.50", "0.50"], ["2", "0.100", "a", "1.50", "0.50"]]
    assert [row[0] for row in rows_of(points)] == ["1", "2"]


def test_a_program_that_left_its_thresholds_is_named_with_the_reason():
    candidate = Candidate(50, 80, False, "int8")
    error = "differs from fp32: pure colours: expected flat areas within 2 of 255, found 9.31"
    found = Findings((), (), over=((candidate, 0.3),), failed=((candidate, error),))
    assert reasons(found) == [f"not on the front: {candidate}: {error}"]


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


def test_rows_of_interpreted_packages_have_no_time():
    assert rows_of([point_of(40, 0.0, None)])[0][-1] == "-"


def test_an_earlier_front_is_replaced(model, importance, checkpoint, tmp_path):
    job = job_of(checkpoint, tmp_path)
    for encoder in (100, 80):
        point = replace(point_of(encoder, 0.0, 1.0), candidate=Candidate(encoder, 100, False, "fp32"))
        folder = write_recipes(job, model, importance, [point])
    names = {path.name for path in folder.iterdir()}
    assert names == {"e80-d100-single-fp32.safetensors", "e80-d100-single-fp32.toml", "original.safetensors"}
    assert list(tmp_path.iterdir()) == [folder]


def test_commands_name_what_was_measured(checkpoint):
    job = job_of(checkpoint, Path("a b"), data=Path("photos"), calibration=Path("calm"), scale=3)
    train, build = commands_of(job, point_of(40, 0.0, 1.0))
    assert train == "liif-edge train 'a b/front/e40-d80-int8.toml' --data photos"
    assert build.endswith(
        "--scale 3 --precision int8 --target xnnpack --out dist/e40-d80-int8 --calibration calm"
    )


def test_a_budget_that_was_not_met_is_a_failed_check_with_the_best_that_was_found(checkpoint, tmp_path):
    point, over = point_of(40, 0.09, 1.0), (Candidate(20, 40, True, "fp32"), 0.3)
    with pytest.raises(
        CheckFailed, match=r"at most 0\.05 dB, found at least 0\.090 dB in 2 trials \(encoder 40"
    ):
        require_front(job_of(checkpoint, tmp_path, max_loss=0.05), Findings((), (point,), (over,), ()))
