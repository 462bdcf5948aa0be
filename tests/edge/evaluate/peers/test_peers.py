"""Other engines compute the network that ExecuTorch's programs do."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from edge.cli.main import main
from edge.errors import MissingDependency
from edge.evaluate.benchmark import timed_tile
from edge.evaluate.peers import table
from edge.evaluate.peers.ncnn import Ncnn
from edge.evaluate.peers.onnx_runtime import OnnxRuntime
from edge.evaluate.peers.openvino import OpenVino
from edge.evaluate.peers.peer import ConvolutionalForm, make_subject, require
from edge.evaluate.peers.table import peer_forms
from edge.images.metrics import psnr
from models import LIIF, FixedScaleLIIF, LIIFConfig

SIDE = 48


@pytest.fixture(scope="module")
def subject(tiny, tmp_path_factory):
    return make_subject(tiny.model, 2, SIDE, tmp_path_factory.mktemp("peers"))


@pytest.fixture(scope="module")
def expected(tiny):
    with torch.no_grad():
        return FixedScaleLIIF(tiny.model, 2).eval()(torch.from_numpy(timed_tile(SIDE))).numpy()


@pytest.mark.parametrize("peer", [OpenVino(), OnnxRuntime(), Ncnn()], ids=lambda peer: peer.name)
def test_a_peer_computes_the_same_network_and_its_int8_is_near(subject, expected, peer):
    missing = [name for name in peer.packages if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install 'liif-edge[peers]'")
    forms = peer.convert(subject)
    distances = {name: psnr(form.load()(timed_tile(SIDE)), expected) for name, form in forms.items()}
    assert distances.pop("fp32") > 90
    for distance in distances.values():
        assert 25 < distance < 80  # int8: near, and not float under another name


@pytest.mark.parametrize("local_ensemble", [True, False])
def test_the_form_that_peers_are_given_is_the_fixed_scale_form(local_ensemble):
    torch.manual_seed(0)
    model = LIIF(LIIFConfig(8, block_widths=(8,), hidden_widths=(16,), local_ensemble=local_ensemble))
    tile = torch.from_numpy(timed_tile(24))
    with torch.no_grad():
        ours, theirs = (form(model, 2).eval()(tile) for form in (FixedScaleLIIF, ConvolutionalForm))
    np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_peers_calibrate_on_photographs_and_on_pure_colours(subject):
    assert {tile.shape for tile in subject.calibration} == {(1, 3, SIDE, SIDE)}
    flat = [tile for tile in subject.calibration if np.ptp(tile, axis=(2, 3)).max() == 0]
    assert 27 <= len(flat) < len(subject.calibration) / 2


class Absent:
    name, packages = "absent", ("json", "no_such_engine")


class Present:
    name, packages = "present", ("json",)

    def convert(self, subject):
        return {"fp32": f"the form of {subject.tile}"}


def test_an_engine_that_is_not_installed_is_said_and_left_out(tiny, monkeypatch, tmp_path):
    with pytest.raises(MissingDependency, match=r"absent: expected json, no_such_engine, found no no_such"):
        require(Absent())
    monkeypatch.setattr(table, "PEERS", (Absent(), Present()))
    lines = []
    assert peer_forms(tiny.model, 2, 32, tmp_path, lines.append) == {"present-fp32": "the form of 32"}
    left_out, converting = lines
    assert left_out.startswith("left out: absent: expected") and "liif-edge[peers]" in left_out
    assert converting == "present: converting"


def test_the_command_has_a_row_for_every_form_of_a_peer(tiny, monkeypatch, capfd):
    monkeypatch.setattr(table, "PEERS", (OnnxRuntime(),))
    monkeypatch.setattr("edge.cache.cached_artifact", lambda _, spec, log: tiny.artifact(2, spec.precision))
    options = ["--checkpoint", str(tiny.checkpoint), "--tile", "24", "--repeats", "1", "--peers", "--json"]
    assert main(["bench", *options]) == 0
    rows = {row["name"]: row for row in json.loads(capfd.readouterr().out)["rows"]}
    assert list(rows)[-2:] == ["onnxruntime-fp32", "onnxruntime-int8"]
    assert rows["onnxruntime-fp32"]["distance_db"] > 90 > rows["onnxruntime-int8"]["distance_db"]
