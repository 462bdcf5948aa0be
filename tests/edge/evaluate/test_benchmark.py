"""The benchmark times every form of the network, each in a process of its own."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from platformdirs import user_cache_path

from edge.backends.backend import PTE_FILE
from edge.cli.main import main
from edge.errors import BadInput, CheckFailed
from edge.evaluate.benchmark import BenchJob, BenchRow, Run, bench, eager_forms, rows_of
from edge.evaluate.forms import ProgramForm
from models import checkpoint_hash


def job(tiny, **changes: object) -> BenchJob:
    forms = eager_forms(tiny.checkpoint, 2)
    for precision in ("fp32", "int8"):
        forms[f"pte-{precision}"] = ProgramForm(tiny.artifact(2, precision) / PTE_FILE)
    return BenchJob(**{"forms": forms, "scale": 2, "tile": 24, "repeats": 2, **changes})


def test_every_form_and_artifact_has_a_row_and_ratios_are_to_the_first(tiny, capfd):
    folder = user_cache_path("liif-edge") / checkpoint_hash(tiny.model)[:16]
    for precision in ("fp32", "int8"):
        artifact = tiny.artifact(2, precision)
        shutil.copytree(artifact, folder / artifact.name)
    capfd.readouterr()
    own = tiny.artifact(2, "int8")
    try:
        options = [str(own), "--checkpoint", str(tiny.checkpoint), "--tile", "24", "--repeats", "2"]
        code = main(["bench", *options, "--json"])
    finally:
        shutil.rmtree(folder)
    out, err = capfd.readouterr()
    assert (code, err) == (0, "")
    machine, rows = json.loads(out).values()
    assert {"processor", "cores", "torch", "executorch"} <= machine.keys()
    assert [row["name"] for row in rows] == [
        "eager-upstream",
        "eager-fixed",
        "pte-fp32",
        "pte-int8",
        str(own),
    ]
    assert rows[0]["ratio"] == 1
    for row in rows:
        assert set(row) == {"name", "ms_per_megapixel", "peak_mb", "ratio", "distance_db"}
        assert row["ratio"] == pytest.approx(rows[0]["ms_per_megapixel"] / row["ms_per_megapixel"])
        assert 0 < row["ms_per_megapixel"] < 1e6
        assert 0 <= row["peak_mb"] < 500
    upstream, fixed, fp32, int8, same = (row["distance_db"] for row in rows)
    assert fixed is None  # no distance from itself
    assert upstream > 100 and fp32 > 100
    assert int8 == same and 35 < int8 < 80


@pytest.mark.parametrize(
    ("artifact", "options", "found"),
    [
        ((4, "fp32"), [], "for xnnpack at 4 that takes 64"),
        ((2, "fp16", "coreml"), [], "for coreml at 2 that takes 32"),
        ((2, "fp32"), ["--tile", "100"], "for xnnpack at 2 that takes 64"),
    ],
)
def test_an_artifact_that_the_rows_beside_it_cannot_be_compared_with_is_refused(
    tiny, monkeypatch, capfd, artifact, options, found
):
    monkeypatch.setattr("edge.cache.cached_artifact", lambda *_: Path())
    folder = tiny.artifact(*artifact)
    assert main(["bench", str(folder), "--tile", "24", *options]) == 2
    assert f"{folder}: expected an artifact for xnnpack at ×2" in (err := capfd.readouterr().err)
    assert found in err


def test_a_process_that_ends_is_a_failure_and_not_a_time(tiny):
    with pytest.raises(
        CheckFailed, match="eager-upstream: expected a time, found that its process had ended"
    ):
        next(iter(bench(job(tiny, forms=eager_forms(Path("gone.pth"), 2)))))


class Unreadable:
    """A form that ends the process that is to have it."""

    def __reduce__(self):
        return int, ("no form",)


def test_a_process_that_ends_before_it_has_its_form_is_not_waited_for():
    with pytest.raises(CheckFailed, match="unreadable: expected a time"):
        next(iter(bench(BenchJob({"unreadable": Unreadable()}, scale=2, tile=256, repeats=1))))


@pytest.mark.parametrize("changes", [{"repeats": 0}, {"tile": 0}])
def test_nothing_to_time_is_refused(tiny, changes):
    with pytest.raises(BadInput, match="expected at least 1 repeat and 1 pixel"):
        bench(job(tiny, **changes))


def test_every_form_runs_once_to_warm_up_and_then_as_often_as_asked(tiny):
    assert len(bench(job(tiny, repeats=2))) == 4 * 3
    timed = job(tiny, repeats=1)
    runs = list(bench(timed))
    assert [(run.turn, run.name) for run in runs] == [(turn, name) for turn in (0, 1) for name in timed.forms]


def test_a_row_is_the_median_of_what_was_run_after_the_warm_up():
    timed = BenchJob(eager_forms(Path("any.pth"), 2), scale=2, tile=500, repeats=2)  # a megapixel
    seconds = {"eager-upstream": (9, 2, 4), "eager-fixed": (9, 1, 2)}
    outputs = {"eager-upstream": np.full((1, 3, 2, 2), 0.6), "eager-fixed": np.full((1, 3, 2, 2), 0.5)}
    runs = [
        Run(name, turn, s, 10 * turn, outputs[name])
        for name, each in seconds.items()
        for turn, s in enumerate(each)
    ]
    assert rows_of(timed, runs) == [
        BenchRow("eager-upstream", 3000, 20, 1, pytest.approx(20)),
        BenchRow("eager-fixed", 1500, 20, 2, math.inf),
    ]
