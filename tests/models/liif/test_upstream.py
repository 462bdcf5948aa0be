import json
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import CONFIG, DELETE, assert_refused, changed, tiny, write_safetensors

from models import LIIFConfig, load_checkpoint

# Code in pickles


class Trap:
    """Pickled, it makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize(
    "place", ["all of it", "among the weights", "in a tensor's place", "in the arguments"]
)
@pytest.mark.parametrize("writer", ["zip", "legacy", "bare pickle"])
def test_a_pickle_that_would_run_code_does_not(tmp_path, writer, place):
    content: Any = upstream()
    trap = Trap(tmp_path / "sprung")
    if place == "all of it":
        content = trap
    elif place == "among the weights":
        content["model"]["sd"]["extra"] = trap
    elif place == "in a tensor's place":
        content["model"]["sd"]["encoder.head.0.weight"] = trap
    else:
        content["model"]["args"]["encoder_spec"]["args"]["n_feats"] = trap
    path = tmp_path / "a.pth"
    if writer == "bare pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=writer == "zip")
    assert_refused(path)
    assert not trap.folder.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.load(path, weights_only=False) if writer != "bare pickle" else pickle.loads(path.read_bytes())
    assert trap.folder.exists()  # the trap works


# Upstream's layout with something wrong in it


def upstream(config: LIIFConfig = CONFIG) -> dict[str, Any]:
    """What upstream's training writes, as Python objects."""
    args = {
        "encoder_spec": {"name": "edsr-baseline", "args": {"no_upsampling": True}},
        "imnet_spec": {"name": "mlp", "args": {"out_dim": 3, "hidden_list": list(config.hidden_widths)}},
    }
    weights = {name: weight.clone() for name, weight in tiny(config).state_dict().items()}
    return {"model": {"name": "liif", "args": args, "sd": weights}, "epoch": 1000}


HEAD = "model/sd/encoder.head.0.weight"
SPEC = "model/args/encoder_spec"


def test_upstreams_layout_as_its_training_writes_it_loads(tmp_path):
    torch.save(upstream(), tmp_path / "a.pth")
    assert load_checkpoint(tmp_path / "a.pth").config == CONFIG


def test_the_large_edsr_has_its_res_scale(tmp_path):
    torch.save(changed(upstream(), f"{SPEC}/name", "edsr"), tmp_path / "a.pth")
    assert load_checkpoint(tmp_path / "a.pth").config.res_scale == 0.1


def test_another_encoder_is_named_in_the_message(tmp_path):
    torch.save(changed(upstream(), f"{SPEC}/name", "rdn"), tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "edsr-baseline", "rdn")


@pytest.mark.parametrize(
    "content", [None, 3, "model", [], [[[]]], {}, {"model": None}, {"model": []}, {3: 4}]
)
def test_other_contents_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "upstream's layout")


def test_names_from_the_file_do_not_flood_the_message(tmp_path):
    name = "many\nlines " * 1000
    torch.save(changed(upstream(), f"{SPEC}/name", name), tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "many lines")
    torch.save(changed(upstream(), f"model/sd/{name}", torch.zeros(1)), tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "many lines")
    write_safetensors(tmp_path / "a.safetensors", {name: "x"})
    assert_refused(tmp_path / "a.safetensors", "many")
    write_safetensors(tmp_path / "a.safetensors", {"liif-edge": json.dumps({name: name})})
    assert_refused(tmp_path / "a.safetensors", "expected the fields")


def test_a_bare_state_dict_is_refused(tmp_path):
    torch.save(tiny().state_dict(), tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "upstream's layout")


@pytest.mark.parametrize("value", [DELETE, None, 3, "x", [], {}, [[]], {"a": {}}, True, torch.zeros(2)])
@pytest.mark.parametrize(
    "where",
    ["model/name", "model/args", "model/sd", SPEC, f"{SPEC}/name", "model/args/imnet_spec", HEAD],
)
def test_anything_in_a_needed_fields_place_is_refused(tmp_path, where, value):
    torch.save(changed(upstream(), where, value), tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "expected")


@pytest.mark.parametrize(
    ("where", "value", "word"),
    [
        (f"{SPEC}/args/n_feats", 8, "n_feats"),
        (f"{SPEC}/args/n_feats", "x", "n_feats"),
        (f"{SPEC}/args/n_resblocks", 3, "n_resblocks"),
        (f"{SPEC}/args/n_resblocks", [[]], "n_resblocks"),
        (f"{SPEC}/args/res_scale", "1", "res_scale"),
        (f"{SPEC}/args/res_scale", float("nan"), "res_scale"),
        (f"{SPEC}/args/res_scale", torch.ones(2), "res_scale"),
        (f"{SPEC}/args", 7, "expected"),
        (f"{SPEC}/args", [7], "expected"),
        ("model/args/imnet_spec/args/hidden_list", [8, 7], "hidden_list"),
        ("model/args/imnet_spec/args/hidden_list", 8, "expected"),
        ("model/args/imnet_spec/args/hidden_list", torch.ones(2, 2), "expected"),
        ("model/args/imnet_spec/args/out_dim", 4, "out_dim"),
        ("model/args/imnet_spec/args", "mlp", "expected"),
        ("model/args/local_ensemble", "no", "local_ensemble"),
        ("model/args/feat_unfold", False, "imnet.layers.0.weight"),
        ("model/args/cell_decode", 0, "cell_decode"),
    ],
)
def test_what_the_file_states_must_be_what_its_weights_are(tmp_path, where, value, word):
    torch.save(changed(upstream(), where, value), tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", word)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("model/sd/encoder.head.0.bias", DELETE),
        ("model/sd/encoder.body.2.weight", DELETE),
        ("model/sd/encoder.body.0.body.0.weight", DELETE),
        ("model/sd/imnet.layers.4.weight", DELETE),
        ("model/sd/imnet.layers.2.weight", torch.zeros(6, 9)),
        ("model/sd/imnet.layers.99.weight", torch.zeros(3, 3)),
        ("model/sd/encoder.body.1.weight", torch.zeros(3, 3)),
        ("model/sd/encoder.tail.0.weight", torch.zeros(3, 3)),
        ("model/sd/encoder.body.7.body.0.weight", torch.zeros(4, 4, 3, 3)),
        (HEAD, torch.zeros(())),
        (HEAD, torch.zeros(0, 3, 3, 3)),
        (HEAD, torch.zeros(4, 3, 3)),
        (HEAD, torch.zeros(1).expand(10**9, 3, 3, 3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_missing_extra_and_misshapen_tensors_are_refused(tmp_path, where, value):
    torch.save(changed(upstream(), where, value), tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "expected")


def odd_tensor(kind: str, like: torch.Tensor) -> torch.Tensor:
    if kind == "sparse":
        return like.to_sparse()
    if kind == "meta":
        return like.to("meta")
    return like.to({"int": torch.int64, "bool": torch.bool, "complex": torch.complex64}[kind])


@pytest.mark.parametrize("kind", ["sparse", "meta", "int", "bool", "complex"])
def test_tensors_that_are_no_weights_are_refused(tmp_path, kind):
    head = tiny().state_dict()["encoder.head.0.weight"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(changed(upstream(), HEAD, odd_tensor(kind, head)), tmp_path / "a.pth")
        assert_refused(tmp_path / "a.pth", "expected")


def test_keys_that_are_no_names_are_refused(tmp_path):
    content = upstream()
    content["model"]["sd"][7] = torch.zeros(1)
    torch.save(content, tmp_path / "a.pth")
    assert_refused(tmp_path / "a.pth", "expected")
