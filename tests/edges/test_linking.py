"""Lines of pixels traced and their gaps closed, in images drawn by hand."""

import numpy as np
import pytest

from segfit.edges import close_gaps, trace_contours
from segfit.edges.linking import trace_chains
from segfit.result.edges import EdgeMap


def draw(image):
    return np.array([[cell == "#" for cell in row] for row in image.split()])


def edges_of(is_line, strength=0.5):
    zeros = np.zeros(is_line.shape, np.float32)
    return EdgeMap(
        np.where(is_line, np.float32(strength), 0), is_line, np.stack([zeros + 1, zeros]), zeros
    )


def ends_of(chains):
    return sorted(sorted([tuple(chain[0]), tuple(chain[-1])]) for chain in chains)


def test_a_line_is_one_chain_from_end_to_end():
    (chain,) = trace_chains(draw("..... .###. ....#"))
    assert ends_of([chain]) == [[(1, 1), (2, 4)]]
    assert len(chain) == 4


def test_a_ring_is_one_closed_chain():
    (chain,) = trace_chains(draw("..... ..#.. .#.#. ..#.. ....."))
    assert chain[0].tolist() == chain[-1].tolist()
    assert len(chain) == 5


def test_a_junction_parts_chains():
    chains = trace_chains(draw("#...# .#.#. ..#.. ..#.. ..#.."))
    assert ends_of(chains) == [[(0, 0), (2, 2)], [(0, 4), (2, 2)], [(2, 2), (4, 2)]]


@pytest.mark.parametrize("image", ["...", "... .#. ..."])
def test_nothing_and_single_pixels_are_no_chains(image):
    assert trace_chains(draw(image)) == []


def test_every_pixel_of_noise_lies_on_a_chain_or_alone():
    rng = np.random.default_rng(1)
    for _ in range(20):
        mask = rng.random((12, 15)) < 0.3
        seen = np.zeros(mask.shape, bool)
        for chain in trace_chains(mask):
            seen[tuple(chain.T)] = True
            steps = np.abs(np.diff(chain, axis=0)).max(axis=1)
            assert (steps == 1).all()
        padded = np.pad(mask, 1)
        for row, column in np.argwhere(mask & ~seen):
            assert padded[row : row + 3, column : column + 3].sum() == 1


def test_a_gap_in_a_line_is_closed_up_to_its_length():
    line = draw("............... ######...######")
    assert close_gaps(edges_of(line), gap_px=5).is_edge[1, :15].all()
    assert not close_gaps(edges_of(line), gap_px=3).is_edge[1, 6:9].any()


def test_a_gap_is_as_strong_as_its_weaker_end():
    line = draw("............... ######...######")
    edges = edges_of(line)
    edges.strength[1, 9:] = 0.2
    closed = close_gaps(edges, gap_px=5)
    np.testing.assert_allclose(closed.strength[1, 6:9], 0.2)
    assert edges.strength[1, 7] == 0  # what was given is as it was


def test_lines_beside_each_other_are_not_joined():
    beside = draw("######....... ............. ............. .......######")
    closed = close_gaps(edges_of(beside), gap_px=6)
    assert closed.is_edge.sum() == 12


def test_a_line_is_led_on_to_a_wall():
    wall = draw("...........#. " * 4 + "#######....#. " + "...........#. " * 4)
    assert close_gaps(edges_of(wall), gap_px=6).is_edge[4, :12].all()


def test_contours_know_their_length_and_strength():
    (contour,) = trace_contours(edges_of(draw("........ .######. ........")), strength=0.4)
    assert contour.length_px == pytest.approx(5)
    np.testing.assert_allclose(contour.strength, 0.5)
    np.testing.assert_allclose(contour.points[:, 1], 1.5)
    assert not contour.is_closed


def test_weak_and_short_lines_are_left_out():
    edges = edges_of(draw("........ .######. ........"))
    assert trace_contours(edges, strength=0.6) == []
    assert trace_contours(edges, strength=0.4, shortest_px=6) == []


def test_a_closed_contour_goes_all_round():
    ring = draw("....... ..###.. .#...#. .#...#. .#...#. ..###.. .......")
    (contour,) = trace_contours(edges_of(ring), strength=0.4)
    assert contour.is_closed
    assert contour.length_px == pytest.approx(8 + 4 * np.sqrt(2))
