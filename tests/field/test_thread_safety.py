"""One loaded model, many threads: every answer is the one that a single thread would have got."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch

from segfit.basics.discovery import collect
from segfit.edges.detectors import Detector
from segfit.edges.finder import EdgeFinder, limit_threads
from segfit.edges.learned import LearnedDetector
from segfit.imaging.pyramid import Pyramid
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import ModelFile, read_refiner
from segfit.model.card import NetworkCard
from segfit.networks.export import export_network
from segfit.networks.network import NetworkKind
from segfit.refiner import load_refiner
from segfit.runtime.session import Backend
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import load

KINDS = {
    kind.architecture.NAME: kind
    for kind in collect("segfit.networks", "NETWORK", NetworkKind)
    if kind.architecture is not ClassifierArchitecture  # a segmenter runs that one
}
SIZES = ((40, 64), (64, 40), (33, 97), (96, 96), (50, 50))
CALLS = 32


def draw_disc(height, width, *, seed=0):
    """A bright disc on a dark ground, in noise; (height, width, 3)."""
    image = np.random.default_rng(seed).integers(0, 60, (height, width, 3), dtype=np.uint8)
    middle = (width // 2, height // 2)
    return cv2.circle(image, middle, min(middle) - 6, (220, 200, 180), -1)


IMAGES = [draw_disc(*size, seed=seed) for seed, size in enumerate(SIZES)]


def assert_same_in_threads(answer, count):
    """What ``answer`` gives for 0 to ``count`` − 1 is the same in eight threads at once."""
    expected = [answer(index) for index in range(count)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(answer, [call % count for call in range(CALLS)]))
    wrong = [call for call, one in enumerate(found) if one != expected[call % count]]
    assert not wrong, f"{len(wrong)} of {CALLS} answers are not those of a single thread"
    assert len(set(expected)) == count, "the images do not tell each other's answers apart"


def read_bits(result):
    """All that a result was made with, to the last bit."""
    partition = result.partition
    arrays = [result.labels, partition.points, partition.error_px]
    arrays += [result.scores.logits] if result.scores else []
    return b" ".join(array.tobytes() for array in arrays if array is not None)


@pytest.mark.parametrize("backend", list(Backend))
def test_a_segmenter(tiny_model, backend):
    segmenter = load(tiny_model, backend=backend, threads=1)
    assert_same_in_threads(lambda index: read_bits(segmenter(IMAGES[index])), len(IMAGES))


@pytest.mark.parametrize("backend", list(Backend))
def test_a_refiner(tiny_refiner, backend):
    refiner = load_refiner(tiny_refiner, backend=backend, threads=1)
    masks = [(image[..., 0] > 128).astype(np.uint8) for image in IMAGES]
    assert_same_in_threads(
        lambda index: read_bits(refiner(masks[index], IMAGES[index])), len(IMAGES)
    )


@pytest.mark.parametrize("backend", list(Backend))
def test_an_edge_finder(tiny_model, backend):
    score = load(tiny_model, backend=backend, threads=1).score
    detector = Detector("tiny", "edges of a network", LearnedDetector(score), 0.2)
    finder = EdgeFinder(detector, strength=0.2, threads=1)

    def find(index):
        edges, hierarchy = finder.find(IMAGES[index])
        return edges.strength.tobytes() + hierarchy.finest.tobytes()

    assert_same_in_threads(find, len(IMAGES))


@pytest.mark.parametrize("backend", list(Backend))
@pytest.mark.parametrize("name", list(KINDS))
def test_every_regressor(tiny_refiner, name, backend):
    """The box network among them, with different numbers of boxes."""
    session, example = open_untrained(tiny_refiner, name, backend)
    inputs = [vary(example, seed) for seed in range(5)]
    assert_same_in_threads(
        lambda index: b" ".join(answer.tobytes() for answer in session.run(inputs[index])),
        len(inputs),
    )


def open_untrained(tiny_refiner, name, backend):
    """A network with random weights as a session, and inputs that it takes."""
    kind = KINDS[name]
    torch.manual_seed(0)
    network = kind.build(kind.architecture()).eval()
    with torch.no_grad():  # regressors begin with zeros, and would give all inputs one answer
        for weights in network.parameters():
            weights.add_(0.02 * torch.randn_like(weights))
    card = read_refiner(tiny_refiner).card
    card = card.model_copy(update={"networks": {name: NetworkCard(network.architecture)}})
    model = ModelFile(card, {name: export_network(network)})
    (session,) = open_sessions(model, backend=backend, threads=1).values()
    return session, {key: given.example.numpy() for key, given in network.inputs().items()}


def vary(example, seed):
    """The same inputs with other numbers in them; indices and sizes stay as they are."""
    rng = np.random.default_rng(seed)
    return {
        key: array
        if array.dtype == np.int64
        else rng.integers(0, 200, array.shape).astype(array.dtype)
        for key, array in example.items()
    }


def test_an_answer_stays_as_it_was(tiny_model):
    segmenter = load(tiny_model, threads=1)
    first = segmenter.score(IMAGES[0]).logits
    kept = first.copy()
    segmenter.score(IMAGES[0][::-1].copy())
    np.testing.assert_array_equal(first, kept)


def test_levels_of_one_pyramid():
    image = draw_disc(512, 512)
    expected = [level.tobytes() for level in map(Pyramid(image).level, range(9))]
    for _ in range(20):
        pyramid = Pyramid(image)
        with ThreadPoolExecutor(8) as threads:
            found = threads.map(pyramid.level, [8, 3, 5, 1, 7, 2, 6, 4] * 2)
            assert [level.tobytes() for level in found] == [
                expected[octave] for octave in [8, 3, 5, 1, 7, 2, 6, 4] * 2
            ]
        assert pyramid.level(8).tobytes() == expected[8]


def test_limits_of_threads_that_overlap_are_all_lifted():
    before = cv2.getNumThreads()
    first, second = limit_threads(1), limit_threads(2)
    first.__enter__()
    second.__enter__()
    assert cv2.getNumThreads() == 1
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 2
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == before


def test_sessions_of_different_threads_leave_torch_as_it_was(tiny_model):
    before = torch.get_num_threads()
    one, three = (load(tiny_model, backend="torch", threads=count) for count in (1, 3))
    with ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            list(threads.map(lambda segmenter: segmenter.score(IMAGES[0]), [one, three] * 2))
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(torch.get_num_threads).result() == before
