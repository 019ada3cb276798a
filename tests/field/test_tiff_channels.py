"""TIFFs whose tags say what their samples are: colors, alpha, channels, planes, pages."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from tiffs import COLORS, FIVE, encode_pages, encode_tiff
from typer.testing import CliRunner

import segfit
from segfit.cli.app import app
from segfit.datasets import open_labelled
from segfit.imaging.read import read_stored
from segfit.model.archive import read_model, write_model

DEEP = COLORS.astype(np.uint16) * 257  # of which 0 to 220 are 0 and 56540
OME = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "RFP", "Cy5", "BF"]}}
BY_PLANES = {"photometric": "rgb", "planarconfig": "separate"}


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_planes_and_pixels_of_16_bits_give_one_image(byteorder):
    together = encode_tiff(DEEP, photometric="rgb", byteorder=byteorder)
    apart = encode_tiff(np.moveaxis(DEEP, -1, 0), byteorder=byteorder, **BY_PLANES)
    image = segfit.read_image(apart)
    np.testing.assert_array_equal(image, segfit.read_image(together))
    np.testing.assert_array_equal(image, segfit.read_image(DEEP))
    assert np.abs(image.astype(float) * 220 / 255 - COLORS).max() < 1


@pytest.mark.parametrize("tiled", [{}, {"tile": (16, 16)}])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
def test_8_bit_colors_come_back_exactly(tiled, bigtiff, compression):
    file = encode_tiff(COLORS, photometric="rgb", bigtiff=bigtiff, compression=compression, **tiled)
    np.testing.assert_array_equal(segfit.read_image(file), COLORS)


def test_near_infrared_is_no_alpha():
    values = np.dstack([COLORS, np.full((3, 4), 90, np.uint8)])
    for extra, reason in (("unspecified", "3 extra 1"), ("unassalpha", "alpha, but most")):
        file = encode_tiff(values, photometric="rgb", extrasamples=[extra])
        with pytest.raises(segfit.SegfitError, match=rf"{reason}.*--channels 0,1,2"):
            segfit.read_image(file)
        np.testing.assert_array_equal(segfit.read_image(file, channels=(0, 1, 2)), COLORS)
        infrared = segfit.read_image(file, channels=(3, 0, 1))
        assert infrared[0, 3].tolist() == [90, 60, 220]


def test_alpha_lies_over_white_be_it_multiplied_in_or_not():
    alpha = np.array([[0, 255, 255, 255]] * 3, np.uint8)
    plain = encode_tiff(np.dstack([COLORS, alpha]), photometric="rgb", extrasamples=["unassalpha"])
    image = segfit.read_image(plain)
    assert image[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(image[:, 1:], COLORS[:, 1:])
    half = np.full((3, 4), 128, np.uint8)
    half[:2] = 255
    multiplied = np.dstack([np.full((3, 4, 3), 100, np.uint8), half])
    file = encode_tiff(multiplied, photometric="rgb", extrasamples=["assocalpha"])
    assert segfit.read_image(file)[2, 0].tolist() == [227, 227, 227]  # 100 + 255 − 128
    grey = encode_tiff(
        np.dstack([COLORS[..., 0], alpha]), photometric="minisblack", extrasamples=["unassalpha"]
    )
    assert segfit.read_image(grey)[0, :2].tolist() == [[255, 255, 255], [20, 20, 20]]


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_five_channels_are_chosen_from_whatever_their_order_in_the_file(planarconfig):
    values = FIVE if planarconfig == "separate" else np.moveaxis(FIVE, 0, -1)
    file = encode_tiff(values, photometric="minisblack", planarconfig=planarconfig)
    with pytest.raises(segfit.SegfitError, match=r"has 5 channels \(0 c0, .* 4 c4\).*--channels"):
        segfit.read_image(file)
    assert segfit.read_image(file, channels=(4, 2, 0))[1, 1].tolist() == [50, 30, 10]
    assert segfit.read_image(file, channels=(3,))[1, 1].tolist() == [40, 40, 40]
    with pytest.raises(segfit.SegfitError, match=r"no channel 5; it has 0 c0, 1 c1"):
        segfit.read_image(file, channels=(5,))


def test_two_channels_are_listed_and_one_may_come_twice():
    file = encode_tiff(FIVE[:2], photometric="minisblack", planarconfig="separate")
    with pytest.raises(segfit.SegfitError, match=r"has 2 channels \(0 c0, 1 c1\)"):
        segfit.read_image(file)
    assert segfit.read_image(file, channels=(0, 1, 1))[0, 0].tolist() == [10, 20, 20]


def test_names_come_from_ome_imagej_and_gdal():
    ome = encode_tiff(FIVE, ome=True, photometric="minisblack", metadata=OME)
    with pytest.raises(segfit.SegfitError, match=r"0 DAPI, 1 GFP, 2 RFP, 3 Cy5, 4 BF"):
        segfit.read_image(ome)
    imagej = encode_tiff(
        FIVE[:2], imagej=True, metadata={"axes": "CYX", "Labels": ["nuclei", "membrane"]}
    )
    assert read_stored(imagej).names == ("nuclei", "membrane")
    items = "".join(
        f'<Item name="DESCRIPTION" sample="{n}" role="description">{name}</Item>'
        for n, name in enumerate(("blue", "green", "red", "nir"))
    )
    gdal = encode_tiff(
        np.moveaxis(FIVE[:4], 0, -1),
        photometric="minisblack",
        planarconfig="contig",
        extratags=[(42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True)],
    )
    assert read_stored(gdal).names == ("blue", "green", "red", "nir")
    assert segfit.read_image(gdal, channels=(2, 1, 0))[0, 0].tolist() == [30, 20, 10]


def test_channels_that_are_no_colors_are_spread_each_by_itself():
    dim, bright = np.arange(12).reshape(3, 4), np.arange(12).reshape(3, 4) * 1000
    values = np.stack([dim, bright, bright]).astype(np.uint16)
    file = encode_tiff(values, photometric="minisblack", planarconfig="separate")
    image = segfit.read_image(file)
    np.testing.assert_array_equal(image[..., 0], image[..., 1])
    np.testing.assert_array_equal(read_stored(file).measured["red"], dim)


@pytest.mark.parametrize(
    ("axes", "what"),
    [("ZYX", "3 planes along Z"), ("TYX", "3 points in time"), ("TZYX", "points in time and")],
)
def test_stacks_are_refused_by_the_axis_and_a_plane_of_them_is_chosen(axes, what):
    values = FIVE[:3] if len(axes) == 3 else np.stack([FIVE[:3], FIVE[:3] + 1])
    file = encode_tiff(values.astype(np.uint8), imagej=True, metadata={"axes": axes})
    with pytest.raises(segfit.SegfitError, match=rf"{what}.*choose one.*--channels 0 "):
        segfit.read_image(file)
    assert segfit.read_image(file, channels=(2,))[0, 0].tolist() == [30, 30, 30]


def test_pages_are_no_channels_unless_one_says_so():
    file = encode_pages(
        *((plane, {"photometric": "minisblack", "metadata": None}) for plane in FIVE[:3])
    )
    with pytest.raises(segfit.SegfitError, match="has 3 pages"):
        segfit.read_image(file)
    assert segfit.read_image(file, channels=(2, 1, 0))[0, 0].tolist() == [30, 20, 10]
    colors = encode_pages(*((COLORS, {"photometric": "rgb", "metadata": None}),) * 3)
    with pytest.raises(segfit.SegfitError, match=r"pages \(0 page 0 c0, 1 page 0 c1"):
        segfit.read_image(colors)


def test_thumbnails_are_left_out_and_other_images_are_not_guessed_from():
    thumbnail = (COLORS[:1, :2], {"photometric": "rgb", "subfiletype": 1})
    file = encode_pages((COLORS, {"photometric": "rgb"}), thumbnail)
    np.testing.assert_array_equal(segfit.read_image(file), COLORS)
    two = encode_pages((COLORS, {"photometric": "rgb"}), (COLORS[:2], {"photometric": "rgb"}))
    with pytest.raises(segfit.SegfitError, match=r"holds 2 images \(3×4×3, 2×4×3\): extract one"):
        segfit.read_image(two)


@pytest.fixture
def cells(tmp_path):
    """Four images of two channels, in which only the second shows where the cell is."""
    for folder in ("images", "masks"):
        (tmp_path / "cells" / folder).mkdir(parents=True)
    for number in range(4):
        mask = np.zeros((48, 48), np.uint8)
        mask[8 + number : 30, 10:36] = 1
        values = np.stack([np.zeros((48, 48)), 20 + 200 * mask]).astype(np.uint8)
        (tmp_path / "cells" / "images" / f"{number}.tif").write_bytes(
            encode_tiff(values, photometric="minisblack", planarconfig="separate")
        )
        (tmp_path / "cells" / "masks" / f"{number}.tif").write_bytes(encode_tiff(mask))
    return tmp_path / "cells"


def test_a_model_keeps_its_channels(cells, tmp_path):
    with pytest.raises(segfit.SegfitError, match="has 2 channels"):
        open_labelled(cells)
    seen = open_labelled(cells, channels=(1,)).splits["train"][0]
    np.testing.assert_array_equal(seen.image[..., 0], 20 + 200 * seen.labels)
    plan = {"steps": 4, "encoder": "plain", "scaling": {"kind": "frame", "long_side_px": 32}}
    trained = segfit.train(
        cells, tmp_path / "cells.segfit", component="classifier", plan=plan, channels=(1,)
    )
    assert trained.card.channels == (1,)
    segmenter = segfit.load(tmp_path / "cells.segfit")
    file = cells / "images" / "0.tif"
    np.testing.assert_array_equal(segmenter(file).image, segfit.read_image(file, channels=(1,)))
    data = open_labelled(cells, channels=(1,)).splits["val"]
    assert segfit.evaluate(segmenter, data).to_dict() is not None
    result = CliRunner().invoke(
        app,
        ["predict", str(tmp_path / "cells.segfit"), str(file), "-o", str(tmp_path / "out")],
    )
    assert result.exit_code == 0, result.output


def test_every_command_takes_channels(cells, tmp_path):
    image, masks = str(cells / "images" / "0.tif"), str(cells / "masks")
    to = ["-o", str(tmp_path / "out"), "--force"]
    for command in (
        ["segment", image, "--method", "otsu", *to],
        ["predict", "nuclei", image, *to],
        ["edges", image, "--detector", "sobel", *to],
        ["refine", masks, "--images", str(cells / "images"), *to],
        ["fit", masks, "--images", str(cells / "images"), *to],
    ):
        refused = CliRunner().invoke(app, command)
        said = refused.output + refused.stderr + str(refused.exception)
        assert refused.exit_code != 0, command
        assert "has 2 channels" in " ".join(said.split()), (command, said)
        done = CliRunner().invoke(app, [*command, "--channels", "1"])
        assert done.exit_code == 0, (command, done.output, done.exception)
    refused = CliRunner().invoke(app, ["segment", image, *to, "--channels", "1,x"])
    assert refused.exit_code == 2
    result = CliRunner().invoke(
        app, ["evaluate", "otsu", str(cells), "--channels", "1", "--json", str(tmp_path / "e.json")]
    )
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "e.json").read_text())["images"]


@pytest.fixture
def edge_model(cells, tmp_path):
    """A model of edges that looks at the second channel."""
    (cells / "classes.json").write_text(
        '{"classes": [{"name": "background", "value": 0}, {"name": "edge", "value": 1}]}'
    )
    plan = {"steps": 4, "encoder": "plain", "scaling": {"kind": "frame", "long_side_px": 32}}
    model = tmp_path / "edges.segfit"
    segfit.train(cells, model, component="classifier", plan=plan, channels=(1,))
    return model


def test_a_model_of_edges_keeps_its_channels(cells, edge_model, tmp_path):
    image = str(cells / "images" / "0.tif")
    command = ["edges", image, "--detector", str(edge_model), "-o"]
    for folder, channels in (("own", []), ("same", ["1"]), ("other", ["0"])):
        given = ["--channels", *channels] if channels else []
        done = CliRunner().invoke(app, [*command, str(tmp_path / folder), *given])
        assert done.exit_code == 0, done.output
    own, same, other = (
        (tmp_path / folder / "0_overlay.jpg").read_bytes() for folder in ("own", "same", "other")
    )
    assert own == same != other


def test_edges_of_a_model_with_channels_are_evaluated(cells, edge_model):
    (cells / "truth").mkdir()
    drawn = np.empty((1, 1), object)
    regions = np.ones((48, 48), np.uint16)
    regions[8:30, 10:36] = 2
    drawn[0, 0] = {"Boundaries": regions == 2, "Segmentation": regions}
    for image in (cells / "images").iterdir():
        savemat(cells / "truth" / f"{image.stem}.mat", {"groundTruth": drawn})
    command = ["evaluate", str(edge_model), str(cells), "--task", "edges"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.mark.parametrize("channels", [np.array([2, 0, 1]), [2, 0, 1], (2, 0, np.int64(1))])
def test_channels_are_taken_as_numpy_gives_numbers(channels, tiny_model):
    image = np.zeros((8, 8, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    assert segfit.read_image(image, channels=channels)[0, 0].tolist() == [30, 10, 20]
    found = segfit.load(tiny_model, threads=1)(image, channels=channels)
    assert found.image[0, 0].tolist() == [30, 10, 20]


@pytest.mark.parametrize("channels", [(), 0, "0,1,2", (0.5,), (True,), (0, 1), (-1,)])
def test_channels_that_cannot_be_are_refused_wherever_they_are_given(channels, tiny_model):
    image = np.zeros((8, 8, 3), np.uint8)
    for read in (segfit.read_image, segfit.load(tiny_model, threads=1)):
        with pytest.raises(segfit.SegfitError, match=r"give one, which is shown grey, or three"):
            read(image, channels=channels)


def test_a_dry_run_reads_by_the_channels_of_the_model_that_training_goes_on_from(
    tmp_path, tiny_model
):
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 1
    for split in ("train", "val"):
        for part in ("images", "masks"):
            (tmp_path / split / part).mkdir(parents=True)
        for name in ("a", "b"):
            values = np.stack([mask * 90, mask * 200])
            file = encode_tiff(values, photometric="minisblack", metadata={"axes": "CYX"}, ome=True)
            (tmp_path / split / "images" / f"{name}.tif").write_bytes(file)
            Image.fromarray(mask * 255).save(tmp_path / split / "masks" / f"{name}.png")
    model = read_model(tiny_model)
    base = tmp_path / "second.segfit"
    write_model(replace(model, card=model.card.model_copy(update={"channels": (1,)})), base)
    alone = CliRunner().invoke(app, ["train", str(tmp_path), "--dry-run"])
    assert "2 channels" in alone.output
    command = ["train", str(tmp_path), "--dry-run", "--from", str(base)]
    onwards = CliRunner().invoke(app, command)
    assert onwards.exit_code == 0, onwards.output
    same = [*command, "--channels", "1"]
    assert CliRunner().invoke(app, same).exit_code == 0
    other = CliRunner().invoke(app, [*command, "--channels", "0,1,1"])
    assert other.exit_code == 2
    said = " ".join(other.stderr.split())
    assert "second.segfit looks at the channels 1 of an image, and the data is to be read" in said
    opened = open_labelled(tmp_path, channels=(0,))
    with pytest.raises(
        segfit.SegfitError, match=r"the data is to be read by 0: leave out --channel"
    ):
        segfit.train(opened, tmp_path / "onwards.segfit", base=base)
