"""The samples in Python, with NumPy and ONNX Runtime alone, do what segfit does.

They are the contract of the exported graphs, written as a program.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from group_objects import group_objects
from move_outline import measure_moves

import segfit
from segfit.classification.decision import Decision, decide_partition
from segfit.export.agreement import DEMO_IMAGES
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.read import read_image
from segfit.model.archive import read_archive
from segfit.model.shipped import find_model
from segfit.refinement.outlines import OutlineNetwork, open_scene, regress_offsets, start_walk
from segfit.runtime.sessions import open_sessions

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "python"


def open_onnx(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("step_px", [1, 2])
@pytest.mark.parametrize("name", ["face", "outlines"])
def test_outlines_move_as_segfit_moves_them(name, step_px, exports, portrait):
    image = portrait[:376]
    pyramid = Pyramid(image)
    segmenter = segfit.load("face", backend="onnxruntime", threads=1)
    scores = segmenter.score(pyramid)
    first = decide_partition(scores, Decision(), segmenter.classes)
    contents = read_archive(find_model(name))
    card = contents.card.regressor
    session = open_sessions(contents, backend="onnxruntime", threads=1)["regressor"]
    network = OutlineNetwork(session.run, card.architecture, card.temperature)
    scene = open_scene(
        first, pyramid, scores if name == "face" else None, cell_px=scores.cell_px,
        architecture=card.architecture,
    )  # fmt: skip
    walk = start_walk(first, float(step_px))
    offsets, errors = regress_offsets(walk, scene, network)
    errors = errors * np.float32(card.temperature)

    shown = {}
    if name == "face":
        segment = open_onnx(exports["face"] / "segment.onnx")
        evidence, covered = segment.run(["evidence", "covered"], {"image": image})
        shown = {"evidence": evidence, "covered": covered}
    outlines = open_onnx(exports[name] / "outlines.onnx")
    partition, compared = walk.partition, 0
    for arc in np.flatnonzero(partition.is_closed & ~partition.is_edge):
        begin, end = partition.arc_starts[arc], partition.arc_starts[arc + 1] - 1
        ring = partition.points[begin:end]
        if len(ring) < 5:
            continue
        sides = partition.sides[arc]
        where = {"regions": scene.regions} if name == "outlines" else {}
        moves, their_errors, normals = measure_moves(
            outlines, ring, image, step_px=step_px, cell_px=scene.cell_px, **shown, **where,
            left_right=tuple(sides if where else first.labels[sides]),
        )  # fmt: skip
        own = np.searchsorted(walk.of_partition, np.arange(begin, end))
        np.testing.assert_allclose(normals, walk.normals[own], atol=1e-9)
        np.testing.assert_allclose(moves, offsets[own] * step_px, atol=0.02)
        np.testing.assert_allclose(their_errors, errors[own] * step_px, rtol=0.02, atol=0.02)
        compared += len(ring)
    assert compared > 100


def test_nuclei_are_told_apart(exports):
    image = read_image(DEMO_IMAGES["field"])
    segment = open_onnx(exports["nuclei"] / "segment.onnx")
    labels, offsets = segment.run(["labels", "offsets"], {"image": image})
    found = group_objects(labels == 1, offsets)
    np.testing.assert_array_equal(found > 0, labels == 1)
    result = segfit.load("nuclei")(image, refine=False)
    expected = result.objects
    count = len(np.unique(expected[expected > 0]))
    assert count > 10
    assert abs(found.max() - count) <= 1
    # Objects are those of segfit: nearly every pixel lies in the one that most of its object do.
    alike = sum(
        np.bincount(expected[found == number]).max() for number in range(1, found.max() + 1)
    )
    assert alike >= 0.95 * (found > 0).sum()


def test_nothing_has_no_objects():
    assert not group_objects(np.zeros((9, 9), bool), np.zeros((2, 9, 9), np.float32)).any()


@pytest.mark.parametrize("name", ["move_outline.py", "group_objects.py"])
def test_a_sample_needs_no_segfit(name):
    tree = ast.parse((SAMPLES / name).read_text(encoding="utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= {"json", "numpy", "onnxruntime", "scipy"}
