"""Regions of a hierarchy under the pointer."""

import numpy as np

from segfit.basics.geometry import fill_polygon
from segfit.edges.hierarchy import build_hierarchy
from segfit.studio.proposals.regions import build_tree


def draw_cells():
    """Edges of four cells: a strong cross one way, a weak one the other."""
    strength = np.zeros((40, 60), np.float32)
    strength[:, 29:31] = 1.0
    strength[19:21, :] = 0.4
    return strength


def test_a_node_grows_with_its_scale_and_holds_the_point():
    tree = build_tree(build_hierarchy(draw_cells()), (2.0, 2.0))
    nodes = tree.list_scales(20, 10)
    assert nodes == sorted(nodes)
    areas = [tree.measure(node) for node in nodes]
    assert areas[-1] == 80 * 120
    assert any(0.45 < area / areas[-1] < 0.55 for area in areas), "the strong edge divides it"
    for node in nodes:
        filled = fill_polygon(tree.trace(node), height=80, width=120)
        assert filled[10, 20]
        assert abs(int(filled.sum()) - tree.measure(node)) < 60
    assert tree.list_scales(-1, 10) == tree.list_scales(120, 10) == []


def test_nodes_beside_each_other_leave_no_gap_and_do_not_overlap():
    random = np.random.default_rng(0)
    tree = build_tree(build_hierarchy(random.random((40, 60)).astype(np.float32)), (4.0, 4.0))
    finest = np.unique(tree.hierarchy.finest).tolist()
    assert len(finest) > 20
    covered = sum(
        fill_polygon(tree.trace(node), height=160, width=240).astype(int) for node in finest
    )
    assert (covered == 1).all()


def test_an_image_that_was_not_shrunk_keeps_its_pixels():
    hierarchy = build_hierarchy(draw_cells())
    tree = build_tree(hierarchy, (1.0, 1.0))
    for node in np.unique(hierarchy.finest).tolist():
        filled = fill_polygon(tree.trace(node), height=40, width=60)
        np.testing.assert_array_equal(filled, hierarchy.finest == node)
