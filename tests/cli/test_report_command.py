"""``segfit report``."""

from __future__ import annotations

import json

import pytest
from commands import NUCLEI, run


def test_report_writes_one_page(tiny_model, tmp_path):
    path, history = tmp_path / "report.html", tmp_path / "history.json"
    points = [{"images": n, "mean_iou": v} for n, v in ((6, 0.4), (12, 0.5), (18, 0.55))]
    history.write_text(json.dumps([*points, {"images": 24, "model": str(tiny_model)}]))
    result = run(
        "report", tiny_model, NUCLEI, "-o", path, "--against", "otsu", "--history", history,
        "--worst", 2, "--threshold", 0.4,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "opens in any browser" in result.output
    page = path.read_text(encoding="utf-8")
    assert "tiny, threshold 0.4" in page
    assert "against otsu" in page
    assert "<b>10 more " in page
    assert page.count("<article") == 2
    assert len(page) < 1_500_000
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("{model} {empty} -o {out}", "is an empty folder"),
        ("{model} {images} -o {out}", "no masks|no labels|labels"),
        ("{model} {data} -o {out}", "only the data has nothing, square"),
        ("face {nuclei} -o {out}", "only face has hair, skin, nose, eyes, mouth"),
        ("{model} {nuclei} -o {out} --against face", "face and the data have other classes"),
        ("edges {nuclei} -o {out}", "only edges has edge"),
        ("{refiner} {nuclei} -o {out}", "is a refiner"),
        ("{model} {nuclei} -o {out} --against {refiner}", "is a refiner"),
        ("{model} {nuclei} -o {out} --against {model}", "would both be called tiny"),
        ("{model} {nuclei} -o {out} --history {nuclei}/none.json", "cannot read"),
        ("{model} {nuclei} -o {out} --split test", "has no split 'test'"),
        ("{model} {nuclei} -o {out} --threshold 2", "threshold is a probability"),
        ("{model} {nuclei} -o {nuclei}/classes.json", "exists already"),
        ("{model} {nuclei} -o {out}/x.html", "does not exist: create it"),
        ("kmeans {nuclei} -o {out}", "does not find foreground by itself"),
        ("{model} {nuclei} -o {out} --worst -1", "Invalid value for '--worst'"),
    ],
)
def test_mistakes_are_refused_and_nothing_is_written(
    arguments, complaint, tiny_model, tiny_refiner, data, tmp_path
):
    (tmp_path / "empty").mkdir()
    places = {
        "model": tiny_model,
        "refiner": tiny_refiner,
        "data": data,
        "nuclei": NUCLEI,
        "images": NUCLEI / "val" / "images",
        "empty": tmp_path / "empty",
        "out": tmp_path / "report.html",
    }
    result = run("report", *(part.format(**places) for part in arguments.split()))
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert any(part in said for part in complaint.split("|")), said
    assert not (tmp_path / "report.html").exists()
