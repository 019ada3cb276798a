"""Tables of objects: the mask's own numbers, the file's own values, and the size of a pixel."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from tiffs import encode_tiff
from typer.testing import CliRunner

from segfit.cli.app import app
from segfit.imaging.read import read_stored
from segfit.imaging.scale import Scale


@pytest.fixture
def plate(tmp_path):
    """Objects 7, 5 (in two pieces) and 300; two channels of 16 bits whose order differs from 8."""
    numbers = np.zeros((40, 60), np.uint16)
    numbers[4:12, 4:12] = 7
    numbers[4:12, 20:28] = numbers[4:12, 40:46] = 5
    numbers[20:34, 10:40] = 300
    dapi = np.where(numbers == 7, 1000, np.where(numbers == 5, 3000, 40)).astype(np.uint16)
    gfp = (numbers // 2 + 1).astype(np.uint16)
    dapi[4, 4] = 9000
    for folder in ("masks", "images"):
        (tmp_path / folder).mkdir()
    Image.fromarray(numbers).save(tmp_path / "masks" / "a.png")
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "Channel": {"Name": ["DAPI", "GFP"]}}
    file = encode_tiff(
        np.stack([dapi, gfp]), ome=True, photometric="minisblack", metadata={"axes": "CYX", **size}
    )
    (tmp_path / "images" / "a.tif").write_bytes(file)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, (result.output, result.exception)
    return " ".join(result.output.split())


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measure(plate, *options):
    said = run(
        "fit", plate / "masks", "-o", plate / "out", "--shape", "none", "--format", "csv",
        "--images", plate / "images", "--smooth", "0", *options,
    )  # fmt: skip
    return said, read_csv(plate / "out" / "a_shapes.csv")


def test_rows_have_the_numbers_of_the_mask_and_pieces_a_second_one(plate):
    _, rows = measure(plate)
    numbers = np.asarray(Image.open(plate / "masks" / "a.png"))
    found = [(int(row["object"]), int(row["piece"])) for row in rows]
    assert sorted(found) == [(5, 1), (5, 2), (7, 1), (300, 1)]
    for row in rows:
        x, y = 2 * float(row["x_um"]), 2 * float(row["y_um"])
        assert numbers[int(y), int(x)] == int(row["object"])


def test_noise_that_goes_to_a_neighbour_and_smoothing_leave_the_numbers(plate):
    numbers = np.asarray(Image.open(plate / "masks" / "a.png")).copy()
    numbers[6, 6], numbers[25, 20] = 300, 7
    Image.fromarray(numbers).save(plate / "masks" / "a.png")
    _, rows = measure(plate, "--min-area", "4", "--smooth", "5")
    assert sorted(int(row["object"]) for row in rows) == [5, 5, 7, 300]


def test_intensities_are_of_the_stored_values_of_every_channel(plate):
    _, rows = measure(plate)
    seven = next(row for row in rows if row["object"] == "7")
    assert float(seven["mean_DAPI"]) == (63 * 1000 + 9000) / 64
    assert float(seven["median_DAPI"]) == 1000
    assert float(seven["integrated_DAPI"]) == 63 * 1000 + 9000
    assert float(seven["std_DAPI"]) == pytest.approx(np.std([9000] + [1000] * 63))
    assert (float(seven["mean_GFP"]), float(seven["std_GFP"])) == (4, 0)
    by_gfp = sorted(rows, key=lambda row: float(row["mean_GFP"]))
    assert [int(row["object"]) for row in by_gfp] == [5, 5, 7, 300]


def test_the_size_of_a_pixel_is_the_file_s_unless_it_is_given_and_said(plate):
    said, rows = measure(plate)
    assert "size of a pixel: 0.5um/px (OME) in 1 image" in said
    assert sorted(float(row["area_um2"]) for row in rows) == [12, 16, 16, 105]
    said, rows = measure(plate, "--scale", "2nm/px", "--force")
    assert "size of a pixel: 2nm/px (given) in 1 image" in said
    assert sorted(float(row["area_nm2"]) for row in rows) == [192, 256, 256, 1680]


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({"imagej": True, "resolution": (4, 4), "metadata": {"unit": "um"}}, "0.25um/px (ImageJ)"),
        (
            {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "\\u00B5m"}},
            "0.25um/px (ImageJ)",
        ),
        ({"imagej": True, "resolution": (4, 4), "metadata": {"unit": "pixel"}}, None),
        ({"imagej": True, "resolution": (4, 4)}, None),
        ({"resolution": (254, 254), "resolutionunit": "inch"}, "100um/px (TIFF resolution)"),
        ({"resolution": (5000, 5000), "resolutionunit": "centimeter"}, "2um/px (TIFF resolution)"),
        ({"resolution": (72, 72), "resolutionunit": "inch"}, None),
        ({"resolution": (4, 4), "resolutionunit": "none"}, None),
        (
            {"ome": True, "metadata": {"PhysicalSizeX": 3, "PhysicalSizeXUnit": "nm",
                                       "PhysicalSizeY": 3, "PhysicalSizeYUnit": "nm"}},
            "3nm/px (OME)",
        ),
    ],
)  # fmt: skip
def test_who_says_how_large_a_pixel_is(settings, scale):
    stored = read_stored(encode_tiff(np.zeros((9, 9), np.uint8), **settings))
    found = None if stored.scale is None else f"{stored.scale} ({stored.scale.origin})"
    assert found == scale


def test_pixels_that_are_not_square_are_measured_as_pixels_and_said(plate):
    file = encode_tiff(np.zeros((40, 60), np.uint8), resolution=(254, 508), resolutionunit="inch")
    (plate / "images" / "a.tif").write_bytes(file)
    said, rows = measure(plate)
    assert "1 image measured in pixels: pixels of 100×50um (TIFF resolution) are not square" in said
    assert "area_px2" in rows[0]


def test_one_table_has_the_objects_of_all_images_of_a_run(tmp_path):
    for number, side in enumerate((10, 14)):
        image = np.full((64, 64), 300, np.uint16)
        image[10 : 10 + side, 20 : 20 + side] = 4000 + number
        image[40:48, 40:48] = 4000 + number
        resolution = {"resolution": (10_000, 10_000), "resolutionunit": "centimeter"}
        file = encode_tiff(image, **(resolution if number == 0 else {}))
        (tmp_path / f"{number}.tif").write_bytes(file)
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    result = CliRunner().invoke(
        app,
        ["segment", str(tmp_path), "-o", str(tmp_path / "out"), "--format", "table,parquet",
         "--method", "otsu", "--set", "blur_px=0"],
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    said = " ".join(result.output.split())
    assert "size of a pixel: 1um/px (TIFF resolution) in 1 image, none in 1" in said
    rows = read_csv(tmp_path / "out" / "objects.csv")
    assert [row["image"] for row in rows] == ["0.tif", "0.tif", "1.tif", "1.tif"]
    assert sorted(float(row["area_um2"] or row["area_px2"]) for row in rows) == [64, 64, 100, 196]
    assert [float(row["mean_grey"]) for row in rows] == [4000, 4000, 4001, 4001]
    typed = parquet.read_table(tmp_path / "out" / "objects.parquet").to_pylist()
    assert [row["area_um2"] for row in typed][2:] == [None, None]
    assert [row["mean_grey"] for row in typed] == [4000, 4000, 4001, 4001]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        ".segfit-run",  # as an image failed, the run can be resumed
        "manifest.jsonl",
        "objects.csv",
        "objects.parquet",
    ]
    again = CliRunner().invoke(
        app, ["segment", str(tmp_path / "0.tif"), "-o", str(tmp_path / "out"), "--format", "table"]
    )
    assert again.exit_code == 2
    assert "objects.csv" in again.output + again.stderr


def test_a_run_that_finds_nothing_has_a_table_of_the_same_columns(tmp_path):
    image = np.full((64, 64), 300, np.uint16)
    (tmp_path / "flat.tif").write_bytes(encode_tiff(image))
    image[20:30, 20:30] = 4000
    (tmp_path / "one.tif").write_bytes(encode_tiff(image))
    headers = {}
    for name in ("flat", "one"):
        to = ["-o", tmp_path / name, "--format", "table,parquet"]
        run("segment", tmp_path / f"{name}.tif", "--method", "otsu", *to)
        headers[name] = (tmp_path / name / "objects.csv").read_text().splitlines()[0]
    assert headers["flat"] == headers["one"]
    assert len(read_csv(tmp_path / "one" / "objects.csv")) == 1
    assert parquet.read_table(tmp_path / "flat" / "objects.parquet").num_rows == 0


def test_a_models_objects_have_their_scores_and_errors(shared_nuclei, tmp_path):
    run("predict", "nuclei", shared_nuclei, "-o", tmp_path / "out", "--format", "table,json")
    rows = read_csv(tmp_path / "out" / "objects.csv")
    (summary,) = (tmp_path / "out").glob("*.json")
    counted = json.loads(summary.read_text())["classes"]["nucleus"]["objects"]
    assert len(rows) == counted > 3
    assert {row["image"] for row in rows} == {shared_nuclei.name}
    assert [int(row["object"]) for row in rows] == list(range(1, counted + 1))
    for row in rows:
        assert 0 < float(row["score"]) <= 1
        assert float(row["left_px"]) < float(row["x_px"]) < float(row["right_px"])
        assert float(row["top_px"]) < float(row["y_px"]) < float(row["bottom_px"])
        assert 0 < float(row["error_px"]) <= float(row["error_worst_px"])
        assert 0 <= float(row["mean_grey"]) <= 255


@pytest.fixture
def shared_nuclei():
    """A shipped image of nuclei."""
    from segfit.cli.exhibits import NUCLEI

    return sorted((NUCLEI / "val" / "images").iterdir())[0]


def test_scales_are_the_same_whoever_says_so():
    assert Scale(0.5, "um", "OME") == Scale.parse("0.5um/px")
    assert str(Scale.parse("0.5um/px")) == "0.5um/px"
