"""Edges matched one to one, against cases drawn by hand and matchings found otherwise."""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from edge_scenes import draw_edge_scene
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segfit.metrics.edges import (
    EdgeCounts,
    count_edges,
    match_pixels,
    summarise_edges,
)

KNOWN = json.loads(Path(__file__).with_name("edge_counts.json").read_text())
masks = hnp.arrays(bool, (7, 9), elements=st.booleans())


def draw(image):
    return np.array([[cell == "#" for cell in row] for row in image.split()])


def counts(*rows):
    return EdgeCounts(*np.array(rows, np.int64).T)


def test_a_line_beside_the_true_one_is_matched_within_reach():
    truth = draw("..#.. ..#.. ..#..")
    beside = draw("...#. ...#. ...#.")
    for reach, matched in ((0.9, 0), (1.0, 3)):
        of_found, of_drawn = match_pixels(beside, truth, reach_px=reach)
        assert of_found.sum() == of_drawn.sum() == matched


def test_two_pixels_cannot_have_the_same_partner():
    found, drawn = draw("#.#"), draw(".#.")
    of_found, of_drawn = match_pixels(found, drawn, reach_px=1)
    assert (of_found.sum(), of_drawn.sum()) == (1, 1)


def test_as_many_as_can_be_are_matched_not_the_nearest_first():
    # The middle pixel is next to both; it must be left to the one that has no other.
    found, drawn = draw("##.."), draw(".#..#"[:4])
    of_found, _ = match_pixels(draw("##."), draw(".##"), reach_px=1)
    assert of_found.sum() == 2
    assert match_pixels(found, drawn, reach_px=1)[0].sum() == 1


@given(masks, masks, st.sampled_from([1.0, 1.5, 2.3]))
@settings(max_examples=60, deadline=None)
def test_matching_is_as_large_as_another_library_finds(first, second, reach):
    of_first, of_second = match_pixels(first, second, reach_px=reach)
    assert not (of_first & ~first).any()
    assert not (of_second & ~second).any()
    graph = nx.Graph()
    left = [("a", *place) for place in np.argwhere(first).tolist()]
    right = [("b", *place) for place in np.argwhere(second).tolist()]
    graph.add_nodes_from(left + right)
    graph.add_edges_from(
        (a, b) for a in left for b in right if np.hypot(a[1] - b[1], a[2] - b[2]) <= reach
    )
    best = nx.bipartite.hopcroft_karp_matching(graph, top_nodes=left)
    assert of_first.sum() == of_second.sum() == len(best) // 2


@pytest.mark.parametrize("known", KNOWN["scenes"], ids=lambda scene: f"scene {scene['seed']}")
def test_counts_are_those_of_the_benchmarks_assignment(known):
    edges, people = draw_edge_scene(known["seed"])
    strengths = np.array(KNOWN["strengths"])
    found = count_edges(edges, people, strengths=strengths, reach_px=KNOWN["reach_px"])
    own = np.stack([found.found, found.found_matched, found.drawn, found.drawn_matched], axis=1)
    answer = np.array(known["counts"])
    np.testing.assert_array_equal(own[:, [0, 2, 3]], answer[:, [0, 2, 3]])
    # Of several largest matchings, the cheapest one may pick other pixels.
    np.testing.assert_allclose(own[:, 1], answer[:, 1], atol=2)


def test_precision_counts_any_person_and_recall_each():
    one, other = draw("#.... #.... #...."), draw("....# ....# ....#")
    found = counts_of(one, [one, other])
    assert found.precision[0] == 1
    assert found.recall[0] == 0.5


def counts_of(edges, drawn, strengths=(0.5,)):
    return count_edges(edges.astype(np.float32), drawn, strengths=np.array(strengths), reach_px=1.0)


def test_strength_decides_what_is_found():
    edges = np.float32([[0.2, 0, 0.8]])
    found = count_edges(edges, [draw("#.#")], strengths=np.array([0.1, 0.5, 0.9]), reach_px=0.5)
    assert found.found.tolist() == [2, 1, 0]
    assert found.recall.tolist() == [1.0, 0.5, 0.0]
    assert found.precision.tolist() == [1.0, 1.0, 1.0]


def test_one_strength_for_all_is_no_better_than_each_its_own():
    # Rows: found, matched, drawn, matched, at two strengths.
    first = counts((10, 10, 10, 10), (2, 2, 10, 2))
    second = counts((100, 10, 10, 10), (10, 10, 10, 10))
    figures = summarise_edges([first, second], strengths=np.array([0.3, 0.6]))
    assert figures.ois == 1
    assert figures.ods == pytest.approx(2 * 1 * 0.6 / 1.6)
    assert figures.ods_strength == 0.6


def test_average_precision_of_known_curve():
    # Precision 1 up to a recall of one half, nothing beyond: as 51 of 101 recalls.
    half = counts((5, 5, 10, 5), (1, 1, 10, 0))
    assert summarise_edges([half], strengths=np.array([0.1, 0.2])).ap == pytest.approx(51 / 101)


def test_nothing_found_and_nothing_drawn():
    empty = counts_of(np.zeros((4, 4), bool), [np.zeros((4, 4), bool)])
    assert empty.f[0] == 1
    missed = counts_of(np.zeros((4, 4), bool), [np.eye(4, dtype=bool)])
    assert missed.f[0] == 0
