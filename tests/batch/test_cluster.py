"""Work on a Ray cluster of several nodes, one of which is lost: the same results as without."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from bright import Bright, Slow, count_done, draw_squares, end_process, read_results, refuse, run

import segfit
import segfit.batch.cluster
from segfit import streaming
from segfit.batch.cluster import TilesOnRay
from segfit.batch.large import predict_large
from segfit.batch.record import Recording
from segfit.batch.spread import SpreadOut
from segfit.batch.workers import Workers
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.evaluation.regions import evaluate, prefix_of
from segfit.methods import open_comparable
from segfit.segmenter import AdjustedSegmenter

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")
DEMO_DATA = Path(segfit.__file__).parent / "demo_data"


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """A node of one processor, to which others can be added."""
    import ray
    from ray.cluster_utils import Cluster

    here = str(Path(__file__).parent)
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        warnings.simplefilter("ignore")
        # A lost node is missed after 2 s instead of 15, one that is slow not sooner than before.
        health = {"health_check_period_ms": 500, "health_check_timeout_ms": 4000}
        about = {"num_cpus": 1, "_system_config": health | {"health_check_failure_threshold": 4}}
        cluster = Cluster(initialize_head=True, head_node_args=about)
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def lose_at_first(cluster) -> tuple[Callable[[int, int], None], threading.Event]:
    """Loses another node of the cluster when the first of many things is done."""
    other, is_lost = cluster.add_node(num_cpus=1), threading.Event()
    cluster.wait_for_nodes()

    def lose(done: int, total: int) -> None:
        if done == 1:
            cluster.remove_node(other, allow_graceful=False)
            is_lost.set()

    return lose, is_lost


def test_a_node_that_is_lost_costs_nothing_and_a_file_that_kills_fails(
    lose_at_first, tmp_path, monkeypatch
):
    monkeypatch.setattr(segfit.batch.cluster, "MOST_BEGUN", 2)
    images = draw_squares(tmp_path / "images")
    run(images, tmp_path / "whole")
    good = images[3].read_bytes()
    images[3].write_bytes(good[:60])
    output = tmp_path / "out"
    method = Bright(waits_s=0.3, kills_at=5)
    lose, is_lost = lose_at_first
    report = run(images, output, method, workers=Workers(1, 1, ray="auto"), on_progress=lose)
    assert is_lost.is_set()
    assert [one.path.name for one in report.failed] == ["3.png", "5.png"]
    assert "were lost 2 times" in report.failed[1].reason
    assert len(report.done) == 5
    images[3].write_bytes(good)
    assert run(images, output).before == 5
    assert read_results(output) == read_results(tmp_path / "whole")
    assert count_done(output) == {f"{number}.png": 1 for number in range(7)}


def test_figures_are_the_same_where_a_node_is_lost(lose_at_first):
    data = open_labelled(DEMO_DATA / "nuclei").splits["val"]
    method = open_comparable("otsu")
    here = evaluate(method, data, group_of=prefix_of)
    lose, is_lost = lose_at_first
    report = evaluate(
        Slow(method, 0.5),
        data,
        group_of=prefix_of,
        spread=SpreadOut(Workers(1, 1, ray="auto")),
        on_progress=lose,
    )
    assert is_lost.is_set()
    figures, same = report.to_dict(), here.to_dict()
    assert figures.pop("seconds_per_image") > 0.5 > same.pop("seconds_per_image")
    assert figures == same


def test_tiles_of_an_image_are_the_same_where_a_node_is_lost(lose_at_first, tmp_path, monkeypatch):
    monkeypatch.setattr(streaming.run, "SMALLEST_TILE_PX", 500)
    monkeypatch.setattr(streaming.run, "LARGEST_TILE_PX", 500)
    images = sorted((DEMO_DATA / "nuclei" / "val" / "images").iterdir())
    nuclei = cv2.imread(str(images[0]))[:200, :200]
    path = tmp_path / "field.png"
    cv2.imwrite(str(path), np.tile(nuclei, (4, 5, 1)))
    segmenter = AdjustedSegmenter(segfit.load("nuclei", threads=1))
    predict_large(segmenter, [path], tmp_path / "here", ["geojson", "numbers"])
    lose, is_lost = lose_at_first
    progress = []

    def note(done, total):
        progress.append((done, total))
        lose(done, total)

    report = predict_large(
        segmenter,
        [path],
        tmp_path / "there",
        ["geojson", "numbers"],
        recording=Recording({"model": "nuclei"}),
        workers=Workers(1, 1, ray="auto"),
        on_progress=note,
    )
    assert report.failed == ()
    assert is_lost.is_set()
    assert progress == [(number, 4) for number in range(5)]
    assert read_results(tmp_path / "there") == read_results(tmp_path / "here")


def test_what_a_tile_raises_is_raised_where_it_was_asked_for(cluster, monkeypatch):
    with pytest.raises(SegfitError, match=r"^\(0, 1\) has no pixels$"):
        list(TilesOnRay(Workers(1, 1, ray="auto"))([(0, 0), (0, 1), (1, 1)], refuse))
    monkeypatch.setattr(segfit.batch.cluster, "MOST_BEGUN", 2)
    with pytest.raises(SegfitError, match=r"tile \(0, 0\) was lost 2 times with its process"):
        list(TilesOnRay(Workers(1, 1, ray="auto"))([(0, 0)], end_process))
