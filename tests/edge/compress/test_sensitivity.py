"""``liif-edge sensitivity`` measures every layer, draws it, and writes a plan that ``build`` follows."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from edge.card_reader import read_card
from edge.check.comparison import compare
from edge.cli.main import main
from edge.compress.calibration import calibration_tiles
from edge.compress.cost_plot import draw_costs
from edge.compress.sensitivity import LayerCost, MixedSweep, Sensitivity, measuring_pairs, program_overhead
from edge.errors import BadInput
from edge.images.extremes import EXTREME_SIDE, colour_page
from edge.mixed_precision_config import summarize
from models import LIIF, LIIFConfig, save_checkpoint
from models.liif.programs import methods_of

LAYERS = ["encoder.head.0", "encoder.body.0.body.0", "encoder.body.0.body.2", "encoder.body.1", "hoisted"]


def test_built_in_pairs_are_eight_and_fit_the_scale():
    for scale in (2, 3):
        pairs, on = measuring_pairs(None, scale)
        assert on == "8 crops of the built-in images"
        assert {hr.shape[1] // scale for _, hr in pairs} == {lr.shape[1] for lr, _ in pairs}
        assert all(float(hr.std()) > 0.01 for _, hr in pairs)


def test_pictures_of_a_folder_that_are_too_small_are_refused(tmp_path):
    Image.new("RGB", (80, 40)).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="picture 1: expected at least 64x64 pixels, found 80x40"):
        measuring_pairs(tmp_path, 2)


def test_layers_are_measured_planned_drawn_and_built(tmp_path, capfd):
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16,), local_ensemble=False)
    checkpoint = tmp_path / "plain.safetensors"  # four queries instead of 16, so quicker to build
    save_checkpoint(LIIF(config), checkpoint)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(pictures / "a.png")
    plan, plot = tmp_path / "layers.json", tmp_path / "costs.svg"
    common = ["--checkpoint", str(checkpoint), "--calibration", str(pictures)]
    arguments = ["sensitivity", *common, "--data", str(pictures), "--json"]
    assert main([*arguments, "--max-size", "0.28MB", "--out", str(plan), "--plot", str(plot)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [layer["path"] for layer in found["layers"]] == [*LAYERS, "layers.0"]
    widths = {"int8", "weights-6", "weights-4"}
    assert all(set(layer["loss_db"]) == widths for layer in found["layers"])
    assert set(found["all_loss_db"]) == widths
    written = json.loads(plan.read_text())
    floats = [path for path, width in written["layers"].items() if width == "float"]
    assert written["layers"] == found["chosen"]["widths"]
    assert 0 < len(floats) < 6
    assert len(ElementTree.parse(plot).getroot().findall("{*}rect")) == 1 + 3 + 3 * 6

    build = ["build", *common, "--precision", "int8", "--tile", "32", "--mixed-precision", str(plan)]
    assert main([*build, "--out", str(tmp_path)]) == 0
    card = read_card(tmp_path / "liif-x2-int8-xnnpack")
    assert sorted(card.quantisation.float_layers) == sorted(floats)


def test_palettes_are_shaped_by_pure_colours_too():
    torch.manual_seed(1)
    model = LIIF(LIIFConfig(16, block_widths=(16,) * 3, hidden_widths=(48, 48), local_ensemble=False)).eval()
    (method,) = methods_of(model, 2, 64)
    page = colour_page(EXTREME_SIDE)
    sweep = MixedSweep(method, calibration_tiles(None))
    runs = ({}, dict.fromkeys(sweep.layers, "palette3"))
    fp32, found = (sweep.run(widths, (torch.from_numpy(page[None]),))[0].numpy() for widths in runs)
    low, span = fp32.min(), np.ptp(fp32)
    worst = compare("colours", (found - low) / span, (fp32 - low) / span, page).worst_flat
    assert worst < 8  # of 255; shaped by pictures alone 21.8


def test_palettes_are_measured_chosen_for_a_size_and_built(tmp_path, capfd):
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(32, 80, 80), local_ensemble=False)
    checkpoint, plan = tmp_path / "net.safetensors", tmp_path / "layers.json"
    save_checkpoint(LIIF(config), checkpoint)
    common = ["--checkpoint", str(checkpoint), "--precision", "palette-mixed"]
    overhead = program_overhead(LIIF(config), 2, "palette-mixed")
    # Half of what is between all layers in 3 bits and all in 8: a layer of each must be there.
    size = overhead + (2_304 + 2_560 + 6_400) * 5.5 / 8
    assert main(["sensitivity", *common, "--max-size", f"{size:.0f}", "--out", str(plan), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [layer["path"] for layer in found["layers"]] == ["hoisted", "layers.0", "layers.1"]
    assert list(found["all_loss_db"]) == ["palette8", "palette6", "palette4", "palette3"]
    assert sorted(found["all_loss_db"].values()) == list(found["all_loss_db"].values())
    written = json.loads(plan.read_text())
    assert len(set(written["layers"].values())) > 1
    assert written["expected"]["bytes"] <= size

    build = ["build", *common, "--target", "coreml", "--tile", "32", "--halo", "4", "--out", str(tmp_path)]
    assert main(build) == 2
    assert "expected layers for palette-mixed, found none" in capfd.readouterr().err
    assert main([*build, "--mixed-precision", str(plan)]) == 0
    card = read_card(tmp_path / "liif-x2-palette-mixed-coreml")
    counts = summarize(written["layers"].values())
    assert card.quantisation.scheme == f"weights in palettes: {counts}"
    assert card.quantisation.quantised_layers == 3
    small = ["encoder.head.0", "encoder.body.0.body.0", "encoder.body.0.body.2", "encoder.body.1"]
    assert card.quantisation.float_layers == [*small, "layers.2"]


def test_a_layer_that_a_plan_does_not_name_has_6_bits_and_odd_channels_share_a_palette(tmp_path):
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(33, 80), local_ensemble=False)
    checkpoint, plan = tmp_path / "net.safetensors", tmp_path / "layers.json"
    save_checkpoint(LIIF(config), checkpoint)
    plan.write_text('{"layers": {"hoisted": "palette3"}}')
    build = ["build", "--checkpoint", str(checkpoint), "--target", "coreml", "--out", str(tmp_path)]
    tile = ["--tile", "32", "--halo", "4", "--precision", "palette-mixed", "--mixed-precision", str(plan)]
    for scale in ("2", "any"):
        assert main([*build, *tile, "--scale", scale]) == 0
    for name in ("x2", "any"):
        scheme = read_card(tmp_path / f"liif-{name}-palette-mixed-coreml").quantisation.scheme
        assert scheme == "weights in palettes: 1 × palette3, 1 × palette6"


def test_a_budget_without_a_file_and_a_file_without_a_budget_are_refused(tiny, tmp_path, capfd):
    assert main(["sensitivity", "--checkpoint", str(tiny.checkpoint), "--max-loss", "0.1"]) == 2
    assert main(["sensitivity", "--checkpoint", str(tiny.checkpoint), "--out", str(tmp_path / "a.json")]) == 2
    assert capfd.readouterr().err.count("expected --out together with --max-loss or --max-size") == 2


def test_a_network_without_a_large_layer_has_no_palettes_to_choose(tiny, capfd):
    assert main(["sensitivity", "--checkpoint", str(tiny.checkpoint), "--precision", "palette-mixed"]) == 2
    assert "expected a layer of more than 2,048 weights, found none" in capfd.readouterr().err


def test_files_are_refused_before_the_work(tiny, tmp_path, capfd):
    (tmp_path / "layers.json").write_text("{}")
    common = ["sensitivity", "--checkpoint", str(tiny.checkpoint), "--max-loss", "0.1"]
    assert main([*common, "--out", str(tmp_path / "layers.json")]) == 2
    assert "--force replaces it" in capfd.readouterr().err
    assert main([*common, "--out", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")]) == 2
    assert "expected a name ending in .svg" in capfd.readouterr().err


def test_a_plan_that_names_no_layer_of_the_network_is_refused_by_build(tiny, tmp_path, capfd):
    (tmp_path / "layers.json").write_text('{"layers": {"encoder.head": "float"}}')
    build = ["build", "--checkpoint", str(tiny.checkpoint), "--out", str(tmp_path / "out")]
    layers = ["--mixed-precision", str(tmp_path / "layers.json")]
    assert main([*build, *layers, "--precision", "int8"]) == 2
    assert "found 'encoder.head'; nearest: encoder.head.0" in capfd.readouterr().err
    assert main([*build, *layers, "--precision", "fp32"]) == 2
    assert "expected an artifact in int8 or palette-mixed to choose layers of" in capfd.readouterr().err


def test_bars_are_as_long_as_losses_and_names_are_escaped():
    layers = (
        LayerCost("<a>", 10, {"int8": 0.02, "weights-6": 0.01, "weights-4": -0.5}, {"int8": 10}),
        LayerCost("b", 10, {"int8": 0.0, "weights-6": 0.0, "weights-4": 0.0}, {"int8": 10}),
    )
    everything = {"int8": 0.02, "weights-6": 0.01, "weights-4": 0.0}
    root = ElementTree.fromstring(draw_costs(Sensitivity(layers, 30.0, everything, "2 < 3 pictures")))
    bars = [float(bar.get("width")) for bar in root.findall("{*}rect")[-6:]]
    assert bars == [420.0, 210.0, 0.0, 0.0, 0.0, 0.0]
    assert "<a>" in [text.text for text in root.findall("{*}text")]
