"""What an export writes, where, and what it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import onnx
import onnxruntime
import openvino
import pytest

import segfit
from segfit.errors import SegfitError
from segfit.export import agreement
from segfit.export.contract import MEANINGS
from segfit.export.formats import FORMATS, REFUSED
from segfit.imaging.read import read_image
from segfit.model.archive import ModelFile, NetworkFiles, read_archive, read_model, write_model
from segfit.model.precision import Precision
from segfit.model.shipped import find_model
from segfit.segmenter import load


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The face model, exported in every format."""
    folder = tmp_path_factory.mktemp("exported")
    return segfit.export_model("face", folder / "face", formats=FORMATS)


def test_a_folder_has_graphs_and_what_describes_them(exported):
    names = sorted(path.name for path, _ in exported.files)
    graphs = [f"{name}{suffix}" for name in MEANINGS for suffix in (".bin", ".onnx", ".xml")]
    assert names == sorted([*graphs, "README.md", "model.json"])
    assert sorted(path.name for path in exported.folder.iterdir()) == names
    assert [path.stat().st_size for path, _ in exported.files] == [s for _, s in exported.files]


def test_labels_were_compared_with_the_model_s(exported):
    (agreement,) = exported.agreements
    assert agreement.pixels == 512 * 512
    assert agreement.equal >= 0.999 * agreement.pixels
    assert agreement.runtime == "ONNX Runtime"


def test_the_description_names_what_the_graphs_have(exported):
    description = json.loads((exported.folder / "model.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in description["classes"]][:2] == ["background", "hair"]
    assert description["classes"][1] == {"name": "hair", "color": "#ee6677", "objects": False}
    assert description["background"] == 0
    assert description["scaling"]["long_side_px"] == 256
    readme = (exported.folder / "README.md").read_text(encoding="utf-8")
    for name, graph in description["graphs"].items():
        session = onnxruntime.InferenceSession(
            exported.folder / f"{name}.onnx", providers=["CPUExecutionProvider"]
        )
        for kind, own in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            assert [one["name"] for one in graph[kind]] == [one.name for one in own]
            assert [one["shape"] for one in graph[kind]] == [one.shape for one in own]
            assert all(f"`{one.name}`" in readme for one in own)


def test_a_graph_says_itself_what_it_is(exported):
    model = onnx.load(exported.folder / "segment.onnx")
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties["model"] == "face"
    assert properties["segfit_version"] == segfit.__version__
    assert json.loads(properties["classes"])[5]["name"] == "mouth"
    assert json.loads(properties["scaling"])["kind"] == "frame"
    assert "FASSEG" in properties["data"]
    assert len(properties["checksum"]) == 20
    assert json.loads(properties["outlines"])["distances"] == [1, 1, 2, 4, 8]
    assert model.producer_name == "segfit"
    ir = openvino.Core().read_model(exported.folder / "segment.xml")
    assert ir.get_rt_info(["segfit", "model"]).astype(str) == "face"


def test_openvino_s_files_give_the_same_labels(exported):
    image = read_image(agreement.DEMO_IMAGES["frame"])[100:300, 150:301].copy()
    (expected,) = onnxruntime.InferenceSession(
        exported.folder / "segment.onnx", providers=["CPUExecutionProvider"]
    ).run(["labels"], {"image": image})
    compiled = openvino.Core().compile_model(
        exported.folder / "segment.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    assert (compiled(image)["labels"] != expected).mean() <= 0.001


def test_a_model_with_a_classifier_alone_has_one_graph(tiny_model, tmp_path):
    done = segfit.export_model(tiny_model, tmp_path / "tiny")
    assert {path.name for path, _ in done.files} == {"segment.onnx", "model.json", "README.md"}
    outputs = {one.name for one in onnx.load(tmp_path / "tiny/segment.onnx").graph.output}
    assert outputs == {"labels", "scores"}
    assert done.agreements[0].equal >= 0.99 * done.agreements[0].pixels


def test_a_refiner_has_outlines_alone(tiny_refiner, tmp_path):
    done = segfit.export_model(tiny_refiner, tmp_path / "refiner")
    assert {path.name for path, _ in done.files} == {"outlines.onnx", "model.json", "README.md"}
    assert done.agreements == ()
    names = [one.name for one in onnx.load(tmp_path / "refiner/outlines.onnx").graph.input]
    assert names == ["image", "neighbours", "scale", "sides"]


def test_a_folder_that_holds_something_is_left_alone(tiny_model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(segfit.SegfitError, match=r"is not empty.*--force"):
        segfit.export_model(tiny_model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "model.json").write_text("old")
    segfit.export_model(tiny_model, tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert json.loads((tmp_path / "model.json").read_text())["model"] == "tiny"


def test_an_empty_folder_is_used(tiny_model, tmp_path):
    segfit.export_model(tiny_model, tmp_path)
    assert (tmp_path / "segment.onnx").is_file()


@pytest.mark.parametrize("name", REFUSED)
def test_a_format_without_a_converter_is_refused_with_a_way_out(name, tiny_model, tmp_path):
    with pytest.raises(segfit.SegfitError, match=f"no export to {name}: .*run the ONNX file by"):
        segfit.export_model(tiny_model, tmp_path / "x", formats=["onnx", name])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("formats", "complaint"),
    [(["gif"], "unknown format gif: choose onnx or openvino"), ([], "no format given")],
)
def test_other_formats_are_refused(formats, complaint, tiny_model, tmp_path):
    with pytest.raises(segfit.SegfitError, match=complaint):
        segfit.export_model(tiny_model, tmp_path / "x", formats=formats)


def test_one_format_may_be_given_by_itself(tiny_refiner, tmp_path):
    done = segfit.export_model(tiny_refiner, tmp_path / "x", formats="openvino")
    assert {path.suffix for path, _ in done.files} == {".xml", ".bin", ".json", ".md"}


def test_a_network_that_cannot_be_run_is_not_exported(tiny_refiner, tmp_path):
    contents = read_archive(tiny_refiner)
    broken = NetworkFiles(b"no graph", contents.networks["regressor"].weights)
    path = tmp_path / "broken.segfit"
    write_model(ModelFile(contents.card, {"regressor": broken}), path)
    with pytest.raises(segfit.SegfitError, match="cannot run the network of the model"):
        segfit.export_model(path, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_file_in_place_of_the_folder_is_refused(tiny_model, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(segfit.SegfitError, match="is a file: give the folder"):
        segfit.export_model(tiny_model, tmp_path / "x", force=True)


def test_without_onnx_it_says_what_to_install(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr("segfit.export.export.find_spec", lambda name: None)
    with pytest.raises(segfit.SegfitError, match=r'pip install "segfit\[export\]"'):
        segfit.export_model(tiny_model, tmp_path / "x")


def test_an_onnx_runtime_without_its_cpu_provider_is_not_asked(exported, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["AzureExecutionProvider"])
    graph = (exported.folder / "segment.onnx").read_bytes()
    found = agreement.measure_agreement(graph, load("face", threads=1, precision="single"))
    assert found.runtime == "OpenVINO"
    assert found.equal >= 0.999 * found.pixels


def test_nothing_is_written_where_a_file_cannot_be(tiny_model, tmp_path):
    (tmp_path / "README.md").mkdir()
    with pytest.raises(segfit.SegfitError, match=r"README.md is a folder"):
        segfit.export_model(tiny_model, tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_the_reference_has_every_input_and_output():
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "export.md"
    sections = re.split(r"^## (\w+)\.onnx$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    documented = {
        name: re.findall(r"^\| (?:input|output) \| `(\w+)` \|", text, flags=re.MULTILINE)
        for name, text in zip(sections[1::2], sections[2::2], strict=True)
    }
    assert documented == {name: list(meanings) for name, meanings in MEANINGS.items()}


@pytest.fixture(scope="module")
def rounded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounded")
    return segfit.export_model("face", folder, formats=("onnx", "openvino"), precision="int8")


def test_the_labels_graph_is_rounded_to_8_bits(rounded):
    single, int8 = rounded.agreements
    assert int8.runtime == "OpenVINO in int8"
    assert 0.97 * int8.pixels <= int8.equal < single.equal
    assert rounded.notes == ("onnx: in single precision",)
    model = openvino.Core().read_model(rounded.folder / "segment.xml")
    kinds = [node.get_type_name() for node in model.get_ops()]
    assert kinds.count("FakeQuantize") > 70


def forget(model, tmp_path, **changes):
    """The face model, its card's precisions changed."""
    contents = read_model(find_model(model))
    classifier = contents.card.classifier
    faster = replace(classifier.faster, **changes)
    networks = contents.card.networks | {"classifier": replace(classifier, faster=faster)}
    card = contents.card.with_networks(*networks.values())
    write_model(ModelFile(card, contents.networks), tmp_path / "changed.segfit")
    return tmp_path / "changed.segfit"


def test_an_int8_form_that_loses_too_much_is_left_and_said(tmp_path):
    path = forget("face", tmp_path, losses={Precision.INT8: {"mean IoU": 0.012}})
    done = segfit.export_model(path, tmp_path / "out", formats=["openvino"], precision="int8")
    assert len(done.agreements) == 1
    assert done.notes == ("kept in single precision: int8 mean IoU -1.20, which is too much",)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"ranges": {}}, {"formats": ["openvino"], "precision": "int8"}, "has no int8 form"),
        ({}, {"precision": "int8"}, "the int8 form is for openvino: add it"),
        ({}, {"precision": "bfloat16"}, "no export in bfloat16: choose single or int8"),
        ({}, {"precision": "int4"}, "unknown precision 'int4'"),
    ],
)
def test_another_precision_is_refused(tmp_path, changes, options, message):
    path = forget("face", tmp_path, **changes)
    with pytest.raises(SegfitError, match=message):
        segfit.export_model(path, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_refiner_has_no_int8_form(tmp_path):
    with pytest.raises(SegfitError, match="outlines is a refiner, which has no int8 form"):
        segfit.export_model("outlines", tmp_path / "out", formats=["openvino"], precision="int8")
