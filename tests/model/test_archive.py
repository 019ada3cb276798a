"""The .segfit archive: what is written can be read, and nothing else can."""

import io
import json
import os
import random
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture, OutlineArchitecture
from segfit.model.archive import (
    ModelFile,
    NetworkFiles,
    read_archive,
    read_model,
    read_refiner,
    write_model,
)
from segfit.model.card import (
    CARD_NAME,
    FORMAT_VERSION,
    ModelCard,
    NetworkCard,
    RefinerCard,
    list_networks,
    parse_card,
)
from segfit.model.domain import Domain
from segfit.model.scaling import Scaling
from segfit.model.shipped import find_model

GRAPH_NAME, WEIGHTS_NAME = "classifier.onnx", "classifier.safetensors"
CLASSIFIER = ClassifierArchitecture(outputs=1, encoder="plain")
METRICS = {"mean_iou": 0.75, "iou": {"background": 0.9, "stripe": None}}
CARD = ModelCard(
    name="stripes",
    classes=ClassTable.from_names(("background", "stripe")),
    scaling=Scaling("frame", long_side_px=512),
    networks=list_networks(NetworkCard(CLASSIFIER, metrics=METRICS)),
    threshold=0.35,
    licence="CC0-1.0",
    segfit_version="0.1.0",
    created="2026-01-02",
    plan={"batch": 2, "augmentation": {"zoom": 1.4}},
)
# No network: a reader of archives has no need to understand these.
FILES = NetworkFiles(graph=b"a graph " * 40, weights=bytes(range(256)) * 4)
MODEL = ModelFile(CARD, {"classifier": FILES})

REFINER = ModelFile(
    RefinerCard(
        name="edges",
        networks=list_networks(NetworkCard(OutlineArchitecture(), temperature=1.25)),
        segfit_version="0.1.0",
        created="2026-01-02",
    ),
    {"regressor": NetworkFiles(b"a graph", b"weights")},
)
BOX_PAIR = [("box_regressor.onnx", b"a graph"), ("box_regressor.safetensors", b"weights")]
REGRESSOR_PAIR = [("regressor.onnx", b"a graph"), ("regressor.safetensors", b"weights")]


def pack(members, *, compression=zipfile.ZIP_DEFLATED):
    """A zip of (name, content) pairs, in this order, repeated names included."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def card_json(**changes):
    return json.dumps({**CARD.model_dump(mode="json"), **changes})


def good_members(**changes):
    return [(CARD_NAME, card_json(**changes)), (GRAPH_NAME, FILES.graph), (WEIGHTS_NAME, b"w")]


def name_networks(**others):
    """The card's table of networks with others, whose architecture is the usual one."""
    table = CARD.model_dump(mode="json")["networks"]
    return table | {name: {"architecture": changes} for name, changes in others.items()}


@pytest.fixture(scope="module")
def good_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "good.segfit"
    write_model(MODEL, path)
    return path.read_bytes()


@pytest.fixture
def refusal(tmp_path):
    """Write bytes as a model file and give the message with which it is refused."""

    def read(content):
        path = tmp_path / "bad.segfit"
        path.write_bytes(content)
        with pytest.raises(SegfitError) as caught:
            read_model(path)
        message = str(caught.value)
        assert "bad.segfit" in message
        return message

    return read


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "stripes.segfit"
    write_model(MODEL, path)
    assert read_model(path) == MODEL
    assert read_model(path).digest == MODEL.digest


def test_a_refiner_is_written_and_read(tmp_path):
    path = tmp_path / "edges.segfit"
    write_model(REFINER, path)
    assert read_refiner(path) == read_archive(path) == REFINER
    assert read_refiner(path).card.regressor.temperature == 1.25
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {CARD_NAME, *dict(REGRESSOR_PAIR)}


@pytest.mark.parametrize(
    ("named", "members", "complaint"),
    [
        (["regressor"], [], "it lacks regressor.onnx, regressor.safetensors: train it again"),
        (["regressor"], REGRESSOR_PAIR[:1], "it lacks regressor.safetensors"),
        (
            [],
            REGRESSOR_PAIR,
            "holds regressor.onnx, regressor.safetensors, but its card",
        ),
        (["regressor", "box_regressor"], REGRESSOR_PAIR, "it lacks box_regressor.onnx"),
        (["regressor"], [*REGRESSOR_PAIR, *BOX_PAIR[:1]], "holds box_regressor.onnx, but its card"),
        (["box_regressor"], BOX_PAIR, "networks.box_regressor goes with a regressor, which"),
        (["painter"], [], "painter is not one of classifier, regressor, box_regressor"),
    ],
)
def test_every_network_is_there_if_the_card_names_it(refusal, named, members, complaint):
    table = name_networks(**{name: {} for name in named})
    assert complaint in refusal(pack([*good_members(networks=table), *members]))


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"architecture": {"width": "wide"}}, "regressor, architecture.width: expected"),
        ({"architecture": {"depth": 3}}, "regressor, architecture.depth: Unexpected keyword"),
        ({"architecture": {}, "temperature": 0}, "regressor, temperature: expected greater"),
        ({"architecture": {}, "color": "red"}, "regressor, color: Unexpected keyword"),
        ({}, "regressor, architecture: Field required"),
        (None, "regressor, as a whole: expected a dictionary or an instance of NetworkCard"),
    ],
)
def test_bad_field_of_a_network_is_named(refusal, entry, complaint):
    table = {**name_networks(), "regressor": entry}
    message = refusal(pack([*good_members(networks=table), *REGRESSOR_PAIR]))
    assert "model.json, networks" in message
    assert complaint in message


def test_a_card_of_format_2_is_read_as_todays():
    older = {
        "format_version": 2,
        "name": "cells",
        "classes": {"names": ["a", "b"], "colors": [[0, 0, 0], [1, 1, 1]], "things": [1]},
        "scaling": {"kind": "field"},
        "architecture": {"outputs": 1, "has_objects": True},
        "metrics": {"mean_iou": 0.5},
        "regressor": {"architecture": {"features": 64}, "temperature": 2.0, "metrics": {"a": 1}},
        "boxes": {"architecture": {"features": 64}},
        "plan": {"instances": "grouped"},
        "segfit_version": "0.1.0",
        "created": "2026-01-02",
    }
    card = parse_card(json.dumps(older).encode(), Path("old.segfit"))
    assert card == ModelCard(
        name="cells",
        classes=ClassTable(("a", "b"), ((0, 0, 0), (1, 1, 1)), object_classes=(1,)),
        scaling=Scaling("field"),
        networks=list_networks(
            NetworkCard(
                ClassifierArchitecture(outputs=1, has_objects=True, gives_features=True),
                metrics={"mean_iou": 0.5},
            ),
            NetworkCard(OutlineArchitecture(features=64), temperature=2.0, metrics={"a": 1}),
            NetworkCard(BoxArchitecture(features=64)),
        ),
        plan={"objects": "grouped"},
        segfit_version="0.1.0",
        created="2026-01-02",
    )
    assert card.format_version == FORMAT_VERSION


@pytest.mark.parametrize("name", ["face", "nuclei", "edges", "outlines", "features"])
def test_shipped_models_are_of_older_formats_and_written_anew_as_todays(name, tmp_path):
    model = read_archive(find_model(name))
    assert list(model.networks) == list(model.card.networks)
    write_model(model, tmp_path / "new.segfit")
    assert read_archive(tmp_path / "new.segfit") == model


DOMAIN = {
    "mean": [1.0, 0.5],
    "deviation": [2.0, 0.25],
    "axes": [[0.6, 0.8]],
    "variances": [1.5],
    "rest": 0.5,
    "bound": 1.25,
    "measured_on": "9 training images, 4 validation images",
}


def test_a_card_keeps_what_the_images_look_like_that_its_model_knows(tmp_path):
    domain = Domain(**{**DOMAIN, "mean": (1.0, 0.5), "deviation": (2.0, 0.25), "variances": (1.5,),
                       "axes": ((0.6, 0.8),)})  # fmt: skip
    model = replace(MODEL, card=CARD.model_copy(update={"domain": domain}))
    write_model(model, tmp_path / "stripes.segfit")
    assert read_model(tmp_path / "stripes.segfit").card.domain == domain


def test_a_card_of_format_3_knows_nothing_of_its_images():
    older = {**CARD.model_dump(mode="json"), "format_version": 3}
    del older["domain"]
    assert parse_card(json.dumps(older).encode(), Path("old.segfit")) == CARD


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"mean": [1.0]}, "domain: its mean, deviation and axes are of different lengths"),
        ({"variances": []}, "domain: its mean, deviation and axes are of different lengths"),
        ({"bound": 0.0}, "domain: deviations, variances and the bound are above 0"),
        ({"deviation": [2.0, -1.0]}, "domain: deviations, variances and the bound are above 0"),
        ({"rest": None}, "domain.rest: expected"),
        (
            {"mean": [1.0] * 4, "deviation": [1.0] * 4, "axes": [], "variances": []},
            "the domain has 4 figures, the classifier 2",
        ),
    ],
)
def test_a_domain_that_cannot_be_is_refused(refusal, entry, complaint):
    assert complaint in refusal(pack(good_members(domain={**DOMAIN, **entry})))


def test_models_and_their_cards_are_compared_and_hashed(tmp_path):
    write_model(MODEL, tmp_path / "stripes.segfit")
    again = read_model(tmp_path / "stripes.segfit")
    assert len({again, MODEL, REFINER}) == 2
    assert len({again.card, CARD, REFINER.card}) == 2
    assert hash(again.card.classifier) == hash(CARD.classifier)
    assert REFINER.card != CARD


def test_a_model_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    write_model(MODEL, tmp_path / "stripes.segfit")
    assert len(flushed) == 2


def test_each_kind_says_what_it_is_for(tmp_path):
    refiner, segmenter = tmp_path / "edges.segfit", tmp_path / "stripes.segfit"
    write_model(REFINER, refiner)
    write_model(MODEL, segmenter)
    with pytest.raises(SegfitError, match=r"edges\.segfit is a refiner.*segfit refine MASKS"):
        read_model(refiner)
    with pytest.raises(SegfitError, match=r"stripes\.segfit segments images.*give a refiner"):
        read_refiner(segmenter)


@pytest.mark.parametrize(
    ("changes", "members", "complaint"),
    [
        ({}, [], "is incomplete, it lacks regressor.onnx, regressor.safetensors"),
        ({}, REGRESSOR_PAIR[:1], "it lacks regressor.safetensors"),
        (
            {},
            [*REGRESSOR_PAIR, (GRAPH_NAME, b"g")],
            "card names only the networks regressor",
        ),
        (
            {"kind": "painter"},
            REGRESSOR_PAIR,
            "kind is 'painter'; expected 'segmenter'",
        ),
        ({"kind": ["refiner"]}, REGRESSOR_PAIR, "model.json, kind is ['refiner']"),
        ({"networks": {}}, REGRESSOR_PAIR, "a refiner has a regressor, which there is not"),
        ({"networks": None}, REGRESSOR_PAIR, "model.json, networks: expected a dict"),
        ({"threshold": 0.5}, REGRESSOR_PAIR, "model.json, threshold"),
        (
            {"networks": {"regressor": {"architecture": {"features": 64}}}},
            REGRESSOR_PAIR,
            "needs a classifier's features is not a refiner",
        ),
        (
            {"networks": name_networks(regressor={})},
            REGRESSOR_PAIR,
            "a refiner has no classifier",
        ),
    ],
)
def test_a_refiner_that_is_none_is_refused(refusal, changes, members, complaint):
    card = json.dumps({**REFINER.card.model_dump(mode="json"), **changes})
    assert complaint in refusal(pack([(CARD_NAME, card), *members]))


def test_same_model_gives_the_same_bytes(tmp_path, good_bytes):
    write_model(MODEL, tmp_path / "again.segfit")
    assert (tmp_path / "again.segfit").read_bytes() == good_bytes


def test_digest_is_of_the_network_alone():
    renamed = ModelFile(CARD.model_copy(update={"name": "other"}), MODEL.networks)
    retrained = ModelFile(CARD, {"classifier": NetworkFiles(FILES.graph, FILES.weights + b"!")})
    assert renamed.digest == MODEL.digest
    assert retrained.digest != MODEL.digest


def test_existing_file_is_kept_without_force(tmp_path):
    path = tmp_path / "mine.segfit"
    path.write_bytes(b"precious")
    with pytest.raises(SegfitError, match=r"mine\.segfit exists already.*--force"):
        write_model(MODEL, path)
    assert path.read_bytes() == b"precious"
    write_model(MODEL, path, force=True)
    assert read_model(path) == MODEL


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(SegfitError, match="no such model file"):
        read_model(tmp_path / "none.segfit")
    with pytest.raises(SegfitError, match=r"is a folder; a model is a file that ends in \.segfit"):
        read_model(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99])
def test_truncated_file_is_refused(good_bytes, refusal, share):
    assert "damaged or not a segfit model" in refusal(good_bytes[: int(len(good_bytes) * share)])
    assert "copy or train it again" in refusal(good_bytes[:-1])


def test_foreign_files_are_refused(refusal):
    assert "damaged or not a segfit model" in refusal(random.Random(0).randbytes(5000))
    assert "damaged or not a segfit model" in refusal(b"\x89PNG\r\n\x1a\n and so on")
    assert "a zip file but not a segfit model: it has no model.json" in refusal(
        pack([("word/document.xml", "<w/>")])
    )
    assert "has no model.json" in refusal(pack([]))


@pytest.mark.parametrize("lost", [GRAPH_NAME, WEIGHTS_NAME])
def test_missing_member_is_named(refusal, lost):
    members = [member for member in good_members() if member[0] != lost]
    assert f"is incomplete, it lacks {lost}: train it again" in refusal(pack(members))


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "readme.txt", "weights.pkl", "d/"]
)
def test_member_that_no_model_has_is_refused(refusal, name):
    assert f"refused, it holds what no model holds: {name}" in refusal(
        pack([*good_members(), (name, "x")])
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [CARD_NAME, GRAPH_NAME, WEIGHTS_NAME])
def test_member_that_is_there_twice_is_refused(refusal, name):
    content = card_json() if name == CARD_NAME else "x"
    assert "a file twice" in refusal(pack([*good_members(), (name, content)]))


def test_bomb_is_refused_before_it_is_unpacked(refusal):
    members = [*good_members()[:2], (WEIGHTS_NAME, bytes(30 << 20))]
    assert f"refused, {WEIGHTS_NAME} would unpack to 31,457,280 bytes" in refusal(pack(members))


@pytest.mark.parametrize("name", [CARD_NAME, GRAPH_NAME])
def test_member_larger_than_a_model_needs_is_refused(refusal, name):
    limits = {CARD_NAME: 4 << 20, GRAPH_NAME: 64 << 20}
    members = dict(good_members())
    members[name] = bytes(limits[name] + 1)
    message = refusal(pack(members.items(), compression=zipfile.ZIP_STORED))
    assert f"refused, {name} would unpack to {limits[name] + 1:,} bytes" in message


def change_directory(content, name, *, offset, value):
    """Overwrite a 4-byte field in a member's central directory entry."""
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    return b"".join(
        [content[: entry + offset], struct.pack("<I", value), content[entry + offset + 4 :]]
    )


SIZES_PACKED, SIZES_UNPACKED = 20, 24


def test_size_that_is_a_lie_is_found_out(refusal):
    members = [*good_members()[:2], (WEIGHTS_NAME, random.Random(0).randbytes(4000))]
    content = pack(members)
    larger = change_directory(content, WEIGHTS_NAME, offset=SIZES_UNPACKED, value=700_000)
    assert "damaged or not a segfit model" in refusal(larger)
    smaller = change_directory(content, WEIGHTS_NAME, offset=SIZES_UNPACKED, value=100)
    assert "damaged or not a segfit model" in refusal(smaller)
    huge = change_directory(content, WEIGHTS_NAME, offset=SIZES_UNPACKED, value=1 << 30)
    huge = change_directory(huge, WEIGHTS_NAME, offset=SIZES_PACKED, value=1 << 28)
    assert "refused, classifier.safetensors would unpack to 1,073,741,824" in refusal(huge)


def test_bomb_that_says_it_is_small_unpacks_no_further(refusal, monkeypatch):
    packed = [*good_members()[:2], (WEIGHTS_NAME, bytes(100 << 20))]
    content = change_directory(pack(packed), WEIGHTS_NAME, offset=SIZES_UNPACKED, value=5000)
    read_sizes = []
    original = zipfile.ZipExtFile._read1

    def watch(member, size):
        data = original(member, size)
        read_sizes.append(size)
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "_read1", watch)
    assert "damaged or not a segfit model" in refusal(content)
    assert max(read_sizes) <= 5000


def test_damaged_byte_in_the_middle_is_found(good_bytes, refusal):
    place = good_bytes.index(b"PK\x01\x02") - 20  # the last of the weights
    damaged = good_bytes[:place] + bytes([good_bytes[place] ^ 1]) + good_bytes[place + 1 :]
    assert "damaged" in refusal(damaged)


def test_encrypted_archive_is_refused(good_bytes, refusal):
    entry = good_bytes.index(b"PK\x01\x02")
    encrypted = good_bytes[: entry + 8] + b"\x01" + good_bytes[entry + 9 :]
    assert "damaged or not a segfit model" in refusal(encrypted)


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 99, FORMAT_VERSION + 0.5])
def test_newer_format_is_refused_by_name(refusal, version):
    newer = [
        (CARD_NAME, card_json(format_version=version, transformers=[1])),
        ("regressor.onnx", b"what a newer one may hold"),
    ]
    message = refusal(pack(newer))
    assert f"has format {version}; this segfit reads up to format {FORMAT_VERSION}" in message
    assert "pip install --upgrade segfit" in message


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("{", "model.json is not JSON"),
        ("", "model.json is not JSON"),
        (b"\xff\xfe\xfa", "model.json is not JSON"),
        ("[1, 2]", "model.json is not a JSON object"),
        ("[" * 200_000, "damaged or not a segfit model"),
    ],
)
def test_card_that_is_no_json_object_is_refused(refusal, card, message):
    assert message in refusal(
        pack([(CARD_NAME, card), *good_members()[1:]], compression=zipfile.ZIP_STORED)
    )


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"threshold": 2}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"name": None}, "name"),
        ({"color": "red"}, "color"),
        ({"format_version": "3"}, "format_version"),
        ({"format_version": 0}, "format_version"),
        ({"classes": {"names": ["a"], "colors": [[0, 0, 0]]}}, "classes"),
        ({"classes": {"names": ["a", "b"], "colors": [[0, 0, 0]]}}, "classes"),
        (
            {"classes": {"names": ["a", "b"], "colors": [[0, 0, 0], [0, 0, 256]]}},
            "classes: Value error, a color has three levels",
        ),
        (
            {
                "classes": {
                    "names": ["a", "b"],
                    "colors": [[0, 0, 0], [1, 1, 1]],
                    "background": 2,
                }
            },
            "classes: Value error, background 2 is not one of 2 classes",
        ),
        ({"scaling": {"kind": "zoom"}}, "scaling.kind"),
        ({"scaling": {"kind": "frame", "long_side_px": 0}}, "scaling"),
        ({"scaling": {"kind": "frame", "long_side_px": 10**9}}, "scaling"),
        ({"scaling": {"kind": "field", "factor": 1e9}}, "scaling"),
        ({"scaling": {"kind": "field", "factor": -1}}, "scaling"),
        ({"scaling": {"kind": "field", "factor": float("nan")}}, "scaling"),
        (
            {"networks": {"classifier": {"architecture": {"outputs": 3}}}},
            "as a whole: Value error, the classifier's architecture has 3 outputs",
        ),
        ({"networks": {}}, "as a whole: Value error, a segmenter has a classifier, which there"),
        ({"networks": [1]}, "networks: expected a dict"),
        ({"kind": None}, "kind is None; expected 'segmenter' or 'refiner'"),
    ],
)
def test_bad_field_of_a_card_is_named(refusal, changes, place):
    assert f"model.json, {place}" in refusal(pack(good_members(**changes)))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_one_flipped_bit_is_refused_or_harmless(data, good_bytes, tmp_path_factory):
    place = data.draw(st.integers(0, len(good_bytes) - 1))
    changed = bytearray(good_bytes)
    changed[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.segfit"
    path.write_bytes(changed)
    try:
        model = read_model(path)
    except SegfitError:
        return
    assert model == MODEL
