"""What all tests share: the real data where it lies beside the checkout, and one thread each."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# The tests' networks and images are small: a second thread gains nothing, and on a busy machine
# waiting for it costs more than the work. OpenMP reads this once, so it stands before any import of
# torch or numpy; whoever sets it outside keeps their value.
os.environ.setdefault("OMP_NUM_THREADS", "1")

DEMO_DATA = Path(__file__).resolve().parents[1] / "src" / "segfit" / "demo_data"
TINY_PLAN = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "frame", "long_side_px": 96, "stretch": False},
    "objects": "none",
    "output_stride": 4,
    "crop_px": [64, 64],
    "batch": 2,
    "steps": 4,
}
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NO_SHARED_DATA = "no ../shared/data beside the checkout"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images (never written to); without it, the test is left out."""
    if not SHARED_DATA.is_dir():
        pytest.skip(NO_SHARED_DATA)
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def _cache_of_networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Unpacked networks go where the tests' other files go, not into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGFIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_plan() -> dict[str, Any]:
    """The plan of ``tiny_model``: a few steps of a small network on small images."""
    return dict(TINY_PLAN)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of nucleus and background, trained for a second: small, and of no use."""
    import segfit

    path = tmp_path_factory.mktemp("tiny_model") / "tiny.segfit"
    segfit.train(DEMO_DATA / "nuclei", path, component="classifier", plan=TINY_PLAN, threads=1)
    return path


@pytest.fixture(scope="session")
def tiny_refiner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with a regression network alone, as it is before it has learnt anything."""
    from segfit.model.architecture import OutlineArchitecture
    from segfit.model.archive import ModelFile, write_model
    from segfit.model.card import NetworkCard, RefinerCard, list_networks
    from segfit.networks.export import export_network
    from segfit.networks.outline_regressor import OutlineRegressor

    network = OutlineRegressor(OutlineArchitecture(width=8)).eval()
    card = RefinerCard(
        name="tiny_refiner",
        networks=list_networks(NetworkCard(network.architecture, temperature=1.5)),
        segfit_version="0.1.0",
        created="2026-01-02",
    )
    path = tmp_path_factory.mktemp("tiny_refiner") / "tiny_refiner.segfit"
    write_model(ModelFile(card, {"regressor": export_network(network)}), path)
    return path


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a store like S3 on this machine, of which the environment says where it is."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("s3fs")
    server_of = pytest.importorskip("moto.server")
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for variable, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(variable, value)
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    name = f"laboratory-{port}"  # moto remembers buckets as long as the process lives
    system.mkdir(name)
    yield name
    fsspec.filesystem("s3").clear_instance_cache()
    gc.collect()  # so that connections left open are said now, where a test can ignore that
    server.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum(NO_SHARED_DATA in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.write_line(f"{left_out} tests were left out: {NO_SHARED_DATA}")
