"""A batch on a Ray cluster of several nodes, one of which is lost: the same files as without."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from bright import Bright, count_done, draw_squares, read_results, run

import segfit.batch.cluster
from segfit.batch.workers import Workers

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def cluster(monkeypatch) -> Iterator[object]:
    """Two nodes of one processor each."""
    import ray
    from ray.cluster_utils import Cluster

    here = str(Path(__file__).parent)
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.other_node = cluster.add_node(num_cpus=1)
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def test_a_node_that_is_lost_costs_nothing_and_a_file_that_kills_fails(
    cluster, tmp_path, monkeypatch
):
    monkeypatch.setattr(segfit.batch.cluster, "MOST_BEGUN", 2)
    images = draw_squares(tmp_path / "images")
    run(images, tmp_path / "whole")
    good = images[3].read_bytes()
    images[3].write_bytes(good[:60])
    output = tmp_path / "out"
    method = Bright(waits_s=0.3, kills_at=5)
    is_lost = threading.Event()

    def lose(done, total):
        if done == 1:
            cluster.remove_node(cluster.other_node, allow_graceful=False)
            is_lost.set()

    report = run(images, output, method, workers=Workers(1, 1, ray="auto"), on_progress=lose)
    assert is_lost.is_set()
    assert [one.path.name for one in report.failed] == ["3.png", "5.png"]
    assert "were lost 2 times" in report.failed[1].reason
    assert len(report.done) == 5
    images[3].write_bytes(good)
    assert run(images, output).before == 5
    assert read_results(output) == read_results(tmp_path / "whole")
    assert count_done(output) == {f"{number}.png": 1 for number in range(7)}
