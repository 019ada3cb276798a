"""Runs that end before their end, and what is made of them: as if they had not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bright import SETTINGS, Bright, KilledError, count_done, draw_squares, read_results, run

from segfit.batch.predict import apply_method
from segfit.batch.record import Recording, RunRecord
from segfit.batch.shards import Shard
from segfit.errors import SegfitError


@pytest.fixture
def images(tmp_path):
    return draw_squares(tmp_path / "images")


@pytest.fixture
def whole(images, tmp_path):
    run(images, tmp_path / "whole", resume=False)
    return read_results(tmp_path / "whole")


def test_a_run_that_is_killed_again_and_again_gives_the_same_files(images, whole, tmp_path):
    output = tmp_path / "out"
    seen = []
    for _ in range(20):
        method = Bright(dies_at=4)
        try:
            run(images, output, method)
        except KilledError:
            seen += method.seen
            continue
        break
    assert read_results(output) == whole
    assert count_done(output) == {f"{number}.png": 1 for number in range(7)}
    assert len(seen) > 3
    assert not list(output.rglob(".*"))


def test_whatever_the_kill_cut_off_is_done_again(images, whole, tmp_path):
    """A manifest that ends anywhere, and parts that do: what is not told whole is not there."""
    output = tmp_path / "out"
    with pytest.raises(KilledError):
        run(images, output, Bright(dies_at=5))
    manifest, parts = output / "manifest.jsonl", output / ".segfit-run" / "parts.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    assert len(lines) > 2
    manifest.write_bytes(b"".join(lines)[:-7])
    parts.write_bytes(parts.read_bytes()[: len(parts.read_bytes()) // 2])
    (output / ".segfit-run" / "half" / ".12.partial.png").write_bytes(b"half")
    report = run(images, output)
    assert len(report.done) + report.before == 7
    assert report.before < len(lines) - 1
    assert read_results(output) == whole


def test_a_damaged_line_costs_its_image_alone(images, whole, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(KilledError):
        run(images, output, Bright(dies_at=6))
    manifest = output / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    before = len(count_done(output))
    lines[1] = b"\0" * 40 + b"\n"
    manifest.write_bytes(b"".join(lines))
    assert run(images, output).before == before - 1
    assert read_results(output) == whole


def test_what_failed_is_tried_again_and_then_in_every_file(images, whole, tmp_path):
    output = tmp_path / "out"
    good = images[2].read_bytes()
    images[2].write_bytes(good[:50])
    report = run(images, output)
    assert [one.path for one in report.failed] == [images[2]]
    lines = (output / "manifest.jsonl").read_text().splitlines()
    (line,) = (line for line in lines if '"failed"' in line)
    assert "damaged" in json.loads(line)["reason"]
    images[2].write_bytes(good)
    report = run(images, output)
    assert [row.path for row in report.done] == [images[2]]
    assert report.before == 6
    assert read_results(output) == whole


def test_a_run_that_has_ended_has_nothing_to_do_until_there_is_another_image(
    images, whole, tmp_path
):
    output = tmp_path / "out"
    run(images[:6], output)
    method = Bright()
    assert run(images[:6], output, method).before == 6
    assert method.seen == []
    run(images, output, method)
    assert read_results(output) == whole


def test_only_missing_and_changed_results_are_made_again(images, tmp_path):
    output = tmp_path / "out"
    run(images, output, formats=("mask", "json"))
    (output / "3.json").unlink()
    stamp = images[5].stat().st_mtime_ns
    os.utime(images[5], ns=(stamp, stamp + 1_000_000_000))
    method = Bright()
    report = run(images, output, method, formats=("mask", "json"))
    assert method.seen == [3, 5]
    assert report.before == 5
    assert (output / "3.json").exists()


def test_when_all_images_have_changed_all_are_done_again(images, tmp_path):
    output = tmp_path / "out"
    run(images, output)
    for image in images:
        os.utime(image, ns=(0, 1))
    assert run(images, output).before == 0


def test_other_settings_are_refused_by_name(images, tmp_path):
    output = tmp_path / "out"
    run(images, output, formats=("mask",))
    before = read_results(output)
    with pytest.raises(
        SegfitError, match=r"made with other settings: threshold \(0\.5 then, 0\.4 now\)"
    ):
        run(images, output, formats=("mask",), settings=SETTINGS | {"threshold": 0.4})
    assert read_results(output) == before


def test_what_no_run_recorded_is_not_overwritten(images, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    (output / "4.png").write_text("mine")
    with pytest.raises(SegfitError, match="1 of 7 result files exist already"):
        run(images, output, formats=("mask",))
    assert (output / "4.png").read_text() == "mine"
    assert not (output / "manifest.jsonl").exists()


@pytest.mark.parametrize("kills", [0, 2])
def test_shards_join_to_the_same_files(images, whole, tmp_path, kills):
    output = tmp_path / "out"
    for number in (3, 1, 2):
        shard = Shard(number, 3)
        for _ in range(kills):
            with pytest.raises(KilledError):
                run(images, output, Bright(dies_at=0), shard=shard)
        run(images, output, shard=shard)
        assert not (output / "objects.csv").exists()
    assert count_done(output) == {f"{number}.png": 1 for number in range(7)}
    method = Bright()
    assert run(images, output, method).before == 7
    assert method.seen == []
    assert read_results(output) == whole


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_shards_are_disjoint_and_complete(count):
    items = list(range(10))
    shares = [Shard(number, count).take(items) for number in range(1, count + 1)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(SegfitError, match="write the third of sixteen as 3/16"):
        Shard.parse(text)


def test_existing_results_are_skipped_whatever_made_them(images, tmp_path):
    output = tmp_path / "out"
    apply_method(Bright(), images[:3], output, ["mask", "json"])
    (output / "1.json").unlink()
    method = Bright()
    with pytest.raises(SegfitError, match=r"1 of 10 result files exist already .*1\.png"):
        apply_method(method, images, output, ["mask", "json"], skip_existing=True)
    report = apply_method(method, images, output, ["mask", "json"], skip_existing=True, force=True)
    assert method.seen == [1, 3, 4, 5, 6]
    assert report.before == 2
    with pytest.raises(SegfitError, match=r"objects\.csv is of all of them: give --resume"):
        apply_method(method, images, output, ["mask", "table"], skip_existing=True)


def test_two_runs_at_once_do_not_write_one_manifest(images, tmp_path):
    output = tmp_path / "out"

    class RunsAnother(Bright):
        def __call__(self, image):
            with pytest.raises(SegfitError, match="another run is writing"):
                run(images, output, formats=("mask",))
            return super().__call__(image)

    method = RunsAnother()
    run(images, output, method, formats=("mask",))
    assert len(method.seen) == 7


def test_a_run_without_a_record_leaves_results_alone(images, tmp_path):
    apply_method(Bright(), images, tmp_path / "out", ["mask", "table"])
    assert sorted(read_results(tmp_path / "out")) == [
        *(f"{number}.png" for number in range(7)),
        "objects.csv",
    ]


def test_settings_are_the_same_after_they_were_written():
    settings = {"channels": (0, 1), "folder": Path("a"), "scale": None}
    assert Recording(settings).settings == Recording(Recording(settings).settings).settings
    record = RunRecord(Path("out"), Recording(settings), {})
    assert record.missing == []
