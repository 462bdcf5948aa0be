import json
import os
import resource
import struct
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from checkpoints import CONFIG, DELETE, assert_refused, changed, loads_or_is_refused, tiny, write_safetensors
from safetensors.torch import save_file

from models import (
    DEFAULT_WEIGHTS,
    CheckpointError,
    LIIFConfig,
    checkpoint_hash,
    load_checkpoint,
    save_checkpoint,
)

PARITY = Path(__file__).parents[1] / "data" / "parity"
NAMES = ("tiny", "tiny-no-cell", "tiny-no-ensemble", "tiny-no-unfold", "wide")


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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, suffix, value):
    model = tiny()
    with torch.no_grad():
        model.imnet.linears[1].weight[2, 3] = value
    save_checkpoint(model, tmp_path / f"a{suffix}")
    assert_refused(tmp_path / f"a{suffix}", "imnet.layers.2.weight", "NaN or infinity")


# Our format with something wrong in its header


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
