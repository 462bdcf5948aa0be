"""A package that comes out of a ``.pte`` is the one that went in; a damaged one does not come out."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.backends.coreml.delegate_reader import _read_program, unpack_delegates, unpack_payload
from edge.card import CARD_FILE, hash_program
from edge.cli.main import main
from edge.devices.native import NativeDevice
from edge.devices.runner import Job, RunSettings, run_job
from edge.devices.table import DEVICES, configure
from edge.errors import BadArtifact, BadInput
from edge.run.artifact import Artifact

PTE = "model.pte"


def tile() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, 32, 32), dtype=np.float32)


def payload_of(files: dict[str, bytes], change=lambda nodes: None) -> bytes:
    """A payload of ``files`` in one folder, its table changed by ``change``."""
    nodes, content = [], b""
    for name, data in files.items():
        region = {"offset": len(content), "size": len(data)}
        nodes.append({"children": {}, "dataRegion": region, "kind": 0, "name": name})
        content += data
    children = {name: index for index, name in enumerate(files)}
    region = {"offset": 0, "size": 0}
    nodes.append({"children": children, "dataRegion": region, "kind": 1, "name": "root"})
    change(nodes)
    return content + json.dumps({"nodes": nodes}).encode()[::-1]


def test_a_payload_is_unpacked_as_executorch_unpacks_it(tiny, tmp_path):
    from executorch.backends.apple.coreml import executorchcoreml

    ((_, (payload,)),) = _read_program(tiny.artifact(2, "fp16", "coreml-pte") / PTE)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    assert executorchcoreml.unflatten_directory_contents(payload, str(theirs))
    unpack_payload(payload, tmp_path / "ours")

    def contents(root: Path) -> dict[str, bytes]:
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    (root,) = theirs.iterdir()
    assert contents(tmp_path / "ours") == contents(root)
    assert "model.mlpackage/Data/com.apple.CoreML/weights/weight.bin" in contents(root)


def test_a_whole_payload_becomes_its_files(tmp_path):
    unpack_payload(payload_of({"a": b"first", "b": b"second"}), tmp_path / "root")
    assert {p.name: p.read_bytes() for p in (tmp_path / "root").iterdir()} == {"a": b"first", "b": b"second"}


@pytest.mark.parametrize(
    "change",
    [
        lambda nodes: nodes[-1]["children"].update({"../escaped": 0}),
        lambda nodes: nodes[-1]["children"].update({"..": 0}),
        lambda nodes: nodes[-1]["children"].update({"": 0}),
        lambda nodes: nodes[-1]["children"].update({"/escaped": 0}),
        lambda nodes: nodes[-1]["children"].update({"itself": 1}),
        lambda nodes: nodes[-1]["children"].update({"before": -1}),
        lambda nodes: nodes[0]["dataRegion"].update({"size": 10_000}),
        lambda nodes: nodes[0]["dataRegion"].update({"offset": -1}),
        lambda nodes: nodes[0]["dataRegion"].update({"size": -1}),
        lambda nodes: nodes[0].update({"kind": 2}),
    ],
)
def test_a_table_that_points_elsewhere_is_refused(tmp_path, change):
    with pytest.raises(ValueError, match=r"an entry|a file"):
        unpack_payload(payload_of({"a": b"content"}, change), tmp_path / "in" / "root")
    assert not (tmp_path / "escaped").exists() and not (tmp_path / "in" / "escaped").exists()


@pytest.mark.parametrize("damage", [b"", b"no program", None], ids=["empty", "text", "cut off"])
def test_a_damaged_program_is_refused(tiny, tmp_path, damage):
    program = tmp_path / PTE
    whole = (tiny.artifact(2, "fp16", "coreml-pte") / PTE).read_bytes()
    program.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(BadArtifact, match=r"model\.pte: expected a program of Core ML delegates, found"):
        unpack_delegates(program, tmp_path / "scratch")


def test_a_program_of_another_backend_is_refused(tiny, tmp_path):
    with pytest.raises(BadArtifact, match=r"found method forward with .* XnnpackBackend"):
        unpack_delegates(tiny.artifact(2, "fp32") / PTE, tmp_path / "scratch")


def test_inputs_are_named_in_the_order_of_the_methods_arguments(tiny, tmp_path):
    """ExecuTorch's delegate takes them in another order, by which its package names them."""
    delegates = unpack_delegates(tiny.artifact("any", "fp16", "coreml-pte") / PTE, tmp_path / "scratch")
    assert {name: d.inputs for name, d in delegates.items()} == {
        "encode": ("lr",),
        "decode": ("rows", "coordinates"),
    }


@pytest.mark.parametrize("arithmetic", ["exact", "fp16"])
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_a_program_in_a_pte_computes_what_the_package_does(tiny, precision, arithmetic):
    device = configure(DEVICES["coreml-interpreted"], {"arithmetic": arithmetic})
    inside, package = (
        Artifact.open(tiny.artifact(2, precision, target), device)(tile())
        for target in ("coreml-pte", "coreml")
    )
    np.testing.assert_array_equal(inside, package)
    assert inside.dtype == np.float32


def test_what_was_unpacked_lives_as_long_as_the_program(tiny, tmp_path, monkeypatch):
    folder = tiny.artifact(2, "fp32", "coreml-pte")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    artifact = Artifact.open(folder)
    assert len(list(tmp_path.iterdir())) == 1
    del artifact
    assert list(tmp_path.iterdir()) == []


def test_other_runtimes_refuse_it_in_one_line(tiny):
    folder, inputs = tiny.artifact(2, "fp16", "coreml-pte"), [{"lr": tile()}]
    with pytest.raises(BadInput, match=r"^host: expected an artifact for xnnpack, found one for coreml-pte$"):
        DEVICES["host"].run(folder, "forward", inputs)

    def never(job: Job) -> None:
        raise AssertionError("the runner was started")

    with pytest.raises(BadArtifact, match=r"expected an artifact for xnnpack, found one for coreml-pte$"):
        run_job(folder, "forward", inputs, RunSettings(), never, {"device": NativeDevice.name})


def flip_largest(program: Path, weight: np.ndarray) -> None:
    """Turn the sign of ``weight``'s largest element, where its bytes lie in ``program``."""
    content, stored = bytearray(program.read_bytes()), weight.tobytes()
    assert content.count(stored) == 1
    largest = int(np.abs(weight).argmax()) * weight.itemsize
    content[content.index(stored) + largest + weight.itemsize - 1] ^= 0x80
    program.write_bytes(content)


@pytest.mark.parametrize(("precision", "held_as"), [("fp16", np.float16), ("fp32", np.float32)])
def test_one_flipped_sign_in_the_payload_fails_the_check(tiny, tmp_path, capfd, precision, held_as):
    folder = shutil.copytree(tiny.artifact(2, precision, "coreml-pte"), tmp_path / "artifact")
    arguments = ["check", str(folder), "--checkpoint", str(tiny.checkpoint)]
    assert main([*arguments, "--device", "coreml-interpreted"]) == 0
    weight = dict(tiny.model.named_parameters())["imnet.layers.0.weight"].detach()
    width = tiny.model.config.n_feats
    hoisted = weight[:, : 9 * width].reshape(-1, width, 3, 3)
    flip_largest(folder / PTE, hoisted.numpy().astype(held_as))
    assert main(arguments) == 2  # the card knows its program's hash
    assert "found another or a damaged one" in capfd.readouterr().err
    card = json.loads((folder / CARD_FILE).read_text())
    card["programs"][PTE] = hash_program(folder / PTE).model_dump()
    (folder / CARD_FILE).write_text(json.dumps(card))
    assert main([*arguments, "--device", "coreml-interpreted"]) == 1
    assert "failed: drawn screen" in capfd.readouterr().out


def test_a_program_of_other_methods_than_its_card_is_refused(tiny, tmp_path):
    folder = shutil.copytree(tiny.artifact(2, "fp16", "coreml-pte"), tmp_path / "artifact")
    shutil.copy(tiny.artifact("any", "fp16", "coreml-pte") / PTE, folder / PTE)
    card = json.loads((folder / CARD_FILE).read_text())
    card["programs"][PTE] = hash_program(folder / PTE).model_dump()
    (folder / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(BadArtifact, match=r"expected methods with inputs {'forward': 1}, found"):
        Artifact.open(folder)
