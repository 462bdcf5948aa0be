"""Small searches, and points that one might have found."""

from dataclasses import replace

from edge.tune.candidate import Candidate
from edge.tune.job import TuneJob
from edge.tune.search import Findings, Point
from edge.tune.trial_metrics import Measurement, Worst
from models import LIIFConfig

CONFIG = LIIFConfig(n_feats=8, block_widths=(16, 16), hidden_widths=(32, 32), local_ensemble=False)
MAX_LOSS = 0.001  # dB: the unpruned fp32 program is within it
WORST = Worst("a", 0.1, 1.5, 0.5)


def job_of(checkpoint, out, **changes):
    job = TuneJob(checkpoint, out, "xnnpack", ("fp32",), by="macs", max_loss=MAX_LOSS, trials=3, batches=2)
    return replace(job, **changes)


def point_of(encoder, loss, ms, local_ensemble=True, precision="int8"):
    candidate = Candidate(encoder, 80, local_ensemble, precision)
    return Point(candidate, Measurement(37 - loss, loss, 1000 * encoder, 100 * encoder, None, WORST), ms)


def findings_of(*front, beside=()):
    return Findings(front, (*beside, *front), over=(), failed=())
