"""A bundle holds what fp32 computed and where; whatever else a file holds is refused."""

import io
import json
import pickle
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bundles import make_bundle

from edge.check.baseline import (
    PROVENANCE_KEY,
    BaselineTile,
    Bundle,
    read_bundle,
    require_checkpoint,
    run_reference,
    write_bundle,
)
from edge.errors import BadBundle, BadInput, OutputExists
from models import checkpoint_hash


def pictures() -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [("first", rng.random((3, 9, 7), np.float32)), ("second", rng.random((3, 6, 8), np.float32))]


@pytest.fixture
def bundle(tiny) -> Bundle:
    return make_bundle(tiny.model, pictures(), 2.0)


def changed(path: Path, **arrays: np.ndarray | None) -> Path:
    """The bundle with some of its arrays replaced, or left out where None."""
    with np.load(path) as file:
        content = {**{key: file[key] for key in file.files}, **arrays}
    np.savez(path, **{key: array for key, array in content.items() if array is not None})
    return path


def stated(path: Path, **fields: object) -> Path:
    """The bundle with other provenance."""
    with np.load(path) as file:
        values = {**json.loads(file[PROVENANCE_KEY].tobytes()), **fields}
    return changed(path, **{PROVENANCE_KEY: np.frombuffer(json.dumps(values).encode(), np.uint8)})


@pytest.fixture
def path(bundle, tmp_path) -> Path:
    write_bundle(bundle, tmp_path / "a.npz")
    return tmp_path / "a.npz"


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(BadBundle) as caught:
        read_bundle(path)
    assert str(caught.value).startswith(f"{path}: expected ")
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_it_holds_the_input_the_features_and_the_picture_of_the_reference_form(bundle, tiny):
    assert [tile.name for tile in bundle.tiles] == ["first", "second"]
    for (_, lr), tile in zip(pictures(), bundle.tiles, strict=True):
        assert np.array_equal(tile.lr, lr)
        x = torch.from_numpy(lr)[None]
        with torch.no_grad():
            features = tiny.model.encoder((x - 0.5) / 0.5)[0].numpy()
            sr = tiny.model(x, (2 * lr.shape[1], 2 * lr.shape[2]))[0].numpy()
        assert abs(tile.features - features).max() < 1e-5
        assert abs(tile.sr - sr).max() < 1e-5


def test_it_says_of_which_network_and_on_what_it_was_made(bundle, tiny):
    provenance = bundle.provenance
    assert provenance.checkpoint_sha256 == checkpoint_hash(tiny.model)
    assert provenance.size_factor == 2.0
    assert (provenance.tf32, provenance.deterministic) == (False, True)
    assert provenance.torch == torch.__version__
    if not torch.cuda.is_available():
        assert provenance.device.startswith("CPU ")
        assert provenance.driver == "none"


def test_settings_that_it_changes_are_put_back(tiny):
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32
    work = run_reference(tiny.model, pictures(), 1.5)
    next(iter(work))  # put back while whoever loops does something else, too
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32) == before
    assert next(tiny.model.parameters()).device.type == "cpu"


def test_fractional_scales_round_the_size(tiny):
    bundle = make_bundle(tiny.model, pictures(), 1.37)
    assert [tile.sr.shape for tile in bundle.tiles] == [(3, 12, 10), (3, 8, 11)]


def test_made_twice_it_is_the_same_to_the_byte(tiny, tmp_path):
    for name in ("a.npz", "b.npz"):
        write_bundle(make_bundle(tiny.model, pictures(), 2.0), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_it_is_read_as_it_was_written(bundle, path):
    read = read_bundle(path)
    assert read.provenance == bundle.provenance
    for a, b in zip(read.tiles, bundle.tiles, strict=True):
        assert a.name == b.name
        assert all(np.array_equal(getattr(a, part), getattr(b, part)) for part in ("lr", "features", "sr"))


def test_the_work_has_as_many_pieces_as_it_says(tiny, bundle):
    work = run_reference(tiny.model, pictures(), 2.0)
    assert len(work) == 2
    assert [tile.name for tile in work] == list(bundle.provenance.names)


def test_a_bundle_of_another_network_is_an_error_not_a_bad_score(bundle, tiny):
    require_checkpoint(bundle, checkpoint_hash(tiny.model))
    other = replace(bundle, provenance=replace(bundle.provenance, checkpoint_sha256="0" * 64))
    with pytest.raises(
        BadBundle, match=r"expected a baseline of the artifact's checkpoint .*, found one of 0000"
    ):
        require_checkpoint(other, checkpoint_hash(tiny.model))


def test_nothing_and_a_folder_are_no_bundle(tmp_path):
    assert_refused(tmp_path / "gone.npz", "found no file there")
    assert_refused(tmp_path, "found no file there")


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3, np.float32))
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"no bundle", b"PK\x03\x04", pickle.dumps([1, 2]), npy()])
def test_other_kinds_of_file_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    assert_refused(tmp_path / "a.npz", "found a damaged or another file")


def test_truncated_bundles_are_refused_wherever_they_end(path):
    content = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(content[: len(content) * tenth // 10])
        assert_refused(path)


def same(a: BaselineTile, b: BaselineTile) -> bool:
    arrays = ("lr", "features", "colours", "sr")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)


def test_flipped_bytes_are_found_or_make_no_difference(bundle, path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = read_bundle(path)
        except BadBundle:
            refused += 1
        else:
            assert all(same(a, b) for a, b in zip(read.tiles, bundle.tiles, strict=True))
    assert refused > 200


class RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("ran"),)


def test_a_pickle_inside_is_refused_and_not_run(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    trap = np.array([RunsCode()], dtype=object)
    for name in ("0/lr", PROVENANCE_KEY, "extra"):
        changed(path, **{name: trap})
        assert_refused(path, "found a damaged or another file")
        assert not Path("ran").exists()
        path.unlink()
        write_bundle(Bundle(replace(_provenance(), names=()), ()), path)


def _provenance():
    from edge.check.baseline import BUNDLE_VERSION, Provenance

    return Provenance(BUNDLE_VERSION, "0" * 64, 2.0, "CPU", "none", "2", False, True, ())


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_another_version_is_refused_and_named(path, version):
    assert_refused(stated(path, bundle_version=version), f"expected bundle version 2, found {version!r}")


@pytest.mark.parametrize("array", ["0/lr", "1/features", "1/sr", PROVENANCE_KEY])
def test_a_missing_part_is_named(path, array):
    assert_refused(changed(path, **{array: None}), "expected the layout of a baseline bundle", array)


@pytest.mark.parametrize(
    "array", [np.zeros((3, 4), np.float32), np.zeros((3, 4, 5), np.float64), np.zeros((3, 4, 5), np.uint8)]
)
def test_a_part_of_another_type_or_shape_is_refused(path, array):
    assert_refused(changed(path, **{"0/sr": array}), "float32 pictures of three axes")


@pytest.mark.parametrize("fields", [{"names": 3}, {"names": ["a", "b", "c"]}, {"colour": "red"}])
def test_provenance_that_does_not_fit_is_refused(path, fields):
    assert_refused(stated(path, **fields), "expected the layout of a baseline bundle")


@pytest.mark.parametrize("text", [b"[]", b"1", b'"text"', b"{}", b"\xff", b"no json"])
def test_provenance_that_is_none_is_refused(path, text):
    assert_refused(changed(path, **{PROVENANCE_KEY: np.frombuffer(text, np.uint8)}))


def test_a_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("notes.txt", "hello")
    assert_refused(tmp_path / "a.npz")


def test_an_existing_bundle_is_replaced_by_force_only(bundle, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    with pytest.raises(OutputExists, match="--force replaces it"):
        write_bundle(bundle, path)
    assert path.read_bytes() == b"old"
    write_bundle(bundle, path, force=True)
    assert read_bundle(path).provenance == bundle.provenance


@pytest.mark.parametrize("name", ["a.zip", "a", "gone/a.npz"])
@pytest.mark.parametrize("force", [False, True])
def test_a_path_that_cannot_hold_a_bundle_is_refused(bundle, tmp_path, name, force):
    with pytest.raises(BadInput, match="expected"):
        write_bundle(bundle, tmp_path / name, force)


def test_a_folder_of_the_bundles_name_is_refused(bundle, tmp_path):
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(BadInput):
        write_bundle(bundle, tmp_path / "a.npz", force=True)


def test_a_write_that_fails_leaves_nothing(bundle, tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(BadInput, match="expected to write the bundle"):
            write_bundle(bundle, tmp_path / "a.npz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
