"""Work on a Ray cluster of several nodes, one of which is lost: the same results as without."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bright import Bright, Slow, count_done, draw_squares, read_results, run

import segfit
import segfit.batch.cluster
from segfit.batch.spread import SpreadOut
from segfit.batch.workers import Workers
from segfit.datasets import open_labelled
from segfit.evaluation.regions import evaluate, prefix_of
from segfit.methods import open_comparable

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")


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
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
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
    data = open_labelled(Path(segfit.__file__).parent / "demo_data" / "nuclei").splits["val"]
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
