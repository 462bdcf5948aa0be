import copy
import json
import os
import pickle
import resource
import struct
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models import (
    DEFAULT_WEIGHTS,
    LIIF,
    CheckpointError,
    LIIFConfig,
    checkpoint_hash,
    load_checkpoint,
    save_checkpoint,
)

# On nets this small a second thread costs more than it brings.
torch.set_num_threads(1)

PARITY = Path(__file__).parents[1] / "data" / "parity"
NAMES = ("tiny", "tiny-no-cell", "tiny-no-ensemble", "tiny-no-unfold", "wide")
CONFIG = LIIFConfig(n_feats=4, block_widths=(4, 4), hidden_widths=(8, 6))


def tiny(config: LIIFConfig = CONFIG) -> LIIF:
    torch.manual_seed(0)
    return LIIF(config).eval()


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 1000
    for word in words:
        assert word in message


def loads_or_is_refused(path: Path) -> bool:
    """Whether it loads; whatever it raises must be a CheckpointError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load_checkpoint(path)
        except CheckpointError as error:
            assert "\n" not in str(error)
            return False
    return True


# Out and in again


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_keep_the_checkpoints_hash(tmp_path, name):
    model = load_checkpoint(PARITY / f"{name}.pth")
    for suffix in (".safetensors", ".pth"):
        save_checkpoint(model, tmp_path / f"copy{suffix}")
        copied = load_checkpoint(tmp_path / f"copy{suffix}")
        assert copied.config == model.config
        assert checkpoint_hash(copied) == checkpoint_hash(model)
    assert sorted(os.listdir(tmp_path)) == ["copy.pth", "copy.safetensors"]


def test_a_loaded_model_is_in_eval_mode_and_computes_the_same(tmp_path):
    model = tiny()
    save_checkpoint(model, tmp_path / "a.safetensors")
    copied = load_checkpoint(str(tmp_path / "a.safetensors"))
    lr = torch.rand(1, 3, 4, 5)
    assert not copied.training
    assert torch.equal(copied(lr, (8, 10)), model(lr, (8, 10)))


def test_pruned_widths_and_res_scale_survive_in_safetensors(tmp_path):
    model = tiny(replace(CONFIG, block_widths=(3, 1, 7), res_scale=0.1))
    save_checkpoint(model, tmp_path / "a.safetensors")
    copied = load_checkpoint(tmp_path / "a.safetensors")
    assert copied.config.block_widths == (3, 1, 7)
    assert checkpoint_hash(copied) == checkpoint_hash(model)


def test_res_scale_and_encoders_without_blocks_survive_in_pth(tmp_path):
    for config in (replace(CONFIG, res_scale=0.1), replace(CONFIG, block_widths=())):
        model = tiny(config)
        save_checkpoint(model, tmp_path / "a.pth")
        assert checkpoint_hash(load_checkpoint(tmp_path / "a.pth")) == checkpoint_hash(model)


def test_pruned_widths_have_no_place_in_pth(tmp_path):
    with pytest.raises(CheckpointError, match=r"save as \.safetensors"):
        save_checkpoint(tiny(replace(CONFIG, block_widths=(4, 3))), tmp_path / "a.pth")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a", "a.pt", "a.safetensors.bak"])
def test_other_names_are_not_written(tmp_path, name):
    with pytest.raises(CheckpointError, match=r"\.safetensors or \.pth"):
        save_checkpoint(tiny(), tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, name):
    (tmp_path / name).write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(CheckpointError, match="expected to write a checkpoint"):
            save_checkpoint(tiny(replace(CONFIG, n_feats=16, block_widths=(16,))), tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_folder_that_is_missing_is_said(tmp_path, name):
    with pytest.raises(CheckpointError, match="expected to write a checkpoint"):
        save_checkpoint(tiny(), tmp_path / "gone" / name)


def test_the_hash_tells_weights_and_configurations_apart():
    hashes = {checkpoint_hash(tiny())}
    changed = tiny()
    with torch.no_grad():
        changed.imnet.linears[0].bias[0] += 1e-6
    hashes.add(checkpoint_hash(changed))
    hashes.add(checkpoint_hash(tiny(replace(CONFIG, res_scale=0.5))))
    hashes.add(checkpoint_hash(tiny(replace(CONFIG, local_ensemble=False))))
    assert len(hashes) == 4


def test_the_weights_that_come_with_the_package_load():
    config = load_checkpoint(DEFAULT_WEIGHTS).config
    assert config == LIIFConfig()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_float_types_become_float32(tmp_path, dtype):
    weights = {name: weight.to(dtype) for name, weight in tiny().state_dict().items()}
    save_file(weights, tmp_path / "a.safetensors", {"liif-edge": json.dumps(asdict(CONFIG))})
    loaded = load_checkpoint(tmp_path / "a.safetensors").state_dict()
    assert {weight.dtype for weight in loaded.values()} == {torch.float32}
    assert torch.equal(loaded["imnet.layers.0.bias"], weights["imnet.layers.0.bias"].float())


# Files that are none


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ""])
def test_nothing_and_folders_are_refused(tmp_path, suffix):
    assert_refused(tmp_path / f"gone{suffix}", "nothing there")
    (tmp_path / f"folder{suffix}").mkdir()
    assert_refused(tmp_path / f"folder{suffix}", "a folder")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".txt"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\0" * 4096,
        b"\xff" * 4096,
        b"hello, world\n" * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
        b"PK\x03\x04" + b"\0" * 100,
        b"\x80\x02}q\x00.",
        b"\x08\0\0\0\0\0\0\0{}      ",
    ],
    ids=["empty", "one byte", "zeros", "ones", "text", "picture", "zip", "pickle", "safetensors"],
)
def test_other_kinds_of_file_are_refused(tmp_path, suffix, content):
    (tmp_path / f"a{suffix}").write_bytes(content)
    assert_refused(tmp_path / f"a{suffix}", "expected")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_other_formats_content_under_a_wrong_name_is_refused(tmp_path, suffix):
    other = {".pth": ".safetensors", ".safetensors": ".pth"}[suffix]
    save_checkpoint(tiny(), tmp_path / f"a{suffix}")
    os.rename(tmp_path / f"a{suffix}", tmp_path / f"b{other}")
    assert_refused(tmp_path / f"b{other}")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_truncated_files_are_refused_wherever_they_end(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    save_checkpoint(tiny(), path)
    content = path.read_bytes()
    for length in [*range(0, 64, 3), *range(64, len(content), len(content) // 60), len(content) - 1]:
        path.write_bytes(content[:length])
        assert_refused(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_flipped_bytes_load_or_are_refused_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    save_checkpoint(tiny(), path)
    content = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    # A .safetensors keeps what can break at its front, a .pth (a zip) at both ends.
    positions = [*range(0, 700, 5), *range(len(content) - 700, len(content), 7)]
    positions += torch.randint(len(content), (150,), generator=generator).tolist()
    outcomes = []
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= int(torch.randint(1, 256, (), generator=generator))
        path.write_bytes(damaged)
        outcomes.append(loads_or_is_refused(path))
    assert {*outcomes} == {True, False}


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


def changed(content: dict[str, Any], where: str, value: object) -> dict[str, Any]:
    """A copy with ``value`` at a path of keys; DELETE removes what is there."""
    content = copy.deepcopy(content)
    *parents, last = where.split("/")
    place: Any = content
    for key in parents:
        place = place[key]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return content


DELETE = object()
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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, suffix, value):
    model = tiny()
    with torch.no_grad():
        model.imnet.linears[1].weight[2, 3] = value
    save_checkpoint(model, tmp_path / f"a{suffix}")
    assert_refused(tmp_path / f"a{suffix}", "imnet.layers.2.weight", "NaN or infinity")


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


# Our format with something wrong in its header


def write_safetensors(path: Path, metadata: dict[str, str] | None, config: LIIFConfig = CONFIG) -> None:
    save_file(tiny(config).state_dict(), path, metadata)


def test_a_safetensors_file_of_someone_else_is_refused(tmp_path):
    write_safetensors(tmp_path / "a.safetensors", None)
    assert_refused(tmp_path / "a.safetensors", "liif-edge", "no metadata")
    write_safetensors(tmp_path / "a.safetensors", {"format": "pt"})
    assert_refused(tmp_path / "a.safetensors", "liif-edge", "format")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nonsense",
        "[]",
        "3",
        "null",
        '"x"',
        "{}",
        "[" * 100_000,
        '{"n_feats": ' * 5000,
        "{\n\n",
        "\0",
    ],
    ids=lambda text: text[:8] or "empty",
)
def test_a_header_that_is_no_configuration_is_refused(tmp_path, text):
    write_safetensors(tmp_path / "a.safetensors", {"liif-edge": text})
    assert_refused(tmp_path / "a.safetensors", "configuration")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_feats", DELETE),
        ("cell_decode", DELETE),
        ("version", 2),
        ("a\nb", 2),
        ("n_feats", "4"),
        ("n_feats", 4.0),
        ("n_feats", True),
        ("n_feats", -4),
        ("n_feats", 10**12),
        ("n_feats", 10**40),
        ("n_feats", None),
        ("n_feats", [4]),
        ("n_feats", {}),
        ("n_feats", "x" * 100_000),
        ("block_widths", 4),
        ("block_widths", None),
        ("block_widths", "44"),
        ("block_widths", [[4], [4]]),
        ("block_widths", [4, "4"]),
        ("block_widths", [4, 0]),
        ("block_widths", {"4": 4}),
        ("block_widths", [1] * 1_000_000),
        ("hidden_widths", []),
        ("hidden_widths", [8, None]),
        ("hidden_widths", [8, 10**12]),
        ("res_scale", None),
        ("res_scale", "1"),
        ("res_scale", True),
        ("res_scale", 0),
        ("res_scale", -1.0),
        ("res_scale", float("nan")),
        ("res_scale", float("inf")),
        ("res_scale", [1.0]),
        ("local_ensemble", 1),
        ("local_ensemble", "yes"),
        ("feat_unfold", None),
        ("cell_decode", [True]),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_configuration_of_nonsense_is_refused(tmp_path, field, value):
    text = json.dumps(changed(asdict(CONFIG), field, value))
    write_safetensors(tmp_path / "a.safetensors", {"liif-edge": text})
    assert_refused(tmp_path / "a.safetensors", "configuration in the header", "expected")


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("n_feats", 5, "encoder.body.0.body.0.weight"),
        ("n_feats", 4096, "encoder.body.0.body.0.weight"),
        ("block_widths", [4, 3], "encoder.body.1.body.0"),
        ("block_widths", [4], "encoder.body.1"),
        ("block_widths", [4, 4, 4], "encoder.body.2"),
        ("hidden_widths", [8, 8], "imnet.layers.2"),
        ("hidden_widths", [8], "imnet.layers.2"),
        ("feat_unfold", False, "imnet.layers.0.weight"),
        ("cell_decode", False, "imnet.layers.0.weight"),
    ],
)
def test_a_configuration_of_another_network_is_refused(tmp_path, field, value, word):
    text = json.dumps(changed(asdict(CONFIG), field, value))
    write_safetensors(tmp_path / "a.safetensors", {"liif-edge": text})
    assert_refused(tmp_path / "a.safetensors", "weights disagree with the configuration", word)


def test_a_whole_number_for_res_scale_does_not_change_the_hash(tmp_path):
    write_safetensors(
        tmp_path / "a.safetensors", {"liif-edge": json.dumps({**asdict(CONFIG), "res_scale": 1})}
    )
    assert checkpoint_hash(load_checkpoint(tmp_path / "a.safetensors")) == checkpoint_hash(tiny())


def test_missing_and_extra_tensors_are_named(tmp_path):
    weights = tiny().state_dict()
    metadata = {"liif-edge": json.dumps(asdict(CONFIG))}
    save_file({**weights, "zzz": torch.zeros(1)}, tmp_path / "a.safetensors", metadata)
    assert_refused(tmp_path / "a.safetensors", "zzz: expected none")
    del weights["imnet.layers.4.bias"]
    save_file(weights, tmp_path / "a.safetensors", metadata)
    assert_refused(tmp_path / "a.safetensors", "imnet.layers.4.bias", "found none")


def test_integer_weights_are_refused(tmp_path):
    weights = {name: weight.to(torch.int8) for name, weight in tiny().state_dict().items()}
    save_file(weights, tmp_path / "a.safetensors", {"liif-edge": json.dumps(asdict(CONFIG))})
    assert_refused(tmp_path / "a.safetensors", "float", "int8")


def test_weights_too_large_for_float32_are_refused(tmp_path):
    weights = {name: weight.double() for name, weight in tiny().state_dict().items()}
    weights["imnet.layers.4.bias"][0] = 1e300
    save_file(weights, tmp_path / "a.safetensors", {"liif-edge": json.dumps(asdict(CONFIG))})
    assert_refused(tmp_path / "a.safetensors", "infinity", "imnet.layers.4.bias")


@pytest.mark.parametrize(
    "header",
    [
        {"__metadata__": {"liif-edge": 3}},
        {"__metadata__": []},
        {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}},
        {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"a": {"dtype": "X", "shape": [1], "data_offsets": [0, 4]}},
        {"a": 3},
        [],
    ],
)
def test_broken_safetensors_headers_are_refused(tmp_path, header):
    text = json.dumps(header).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 4)
    assert_refused(tmp_path / "a.safetensors", "expected a safetensors file")
