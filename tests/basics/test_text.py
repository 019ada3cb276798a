from __future__ import annotations

import tomllib

import pytest

from segfit.basics.text import format_toml, merge_settings, parse_setting
from segfit.errors import SegfitError


def test_a_table_survives_the_round_trip():
    table = {
        "loss": 'a "quoted" \\ one, ünd 😀',
        "batch": 4,
        "l2": 1e-05,
        "crop": False,
        "widths": [[8], [16, 16]],
        "class_weights": {"left eye": 2.0, "größe": 1.5},
        "augmentation": {"noise": 0.0, "inner": {"deep": True}},
    }
    assert tomllib.loads(format_toml(table)) == table


def test_none_and_empty_tables_are_left_out():
    assert format_toml({"steps": None, "class_weights": {}}) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("batch=4", {"batch": 4}),
        ("l2 = 1e-4", {"l2": 1e-4}),
        ("optimizer=adam", {"optimizer": "adam"}),
        ('optimizer="adam"', {"optimizer": "adam"}),
        ("loss=focal + 0.5 dice", {"loss": "focal + 0.5 dice"}),
        ("crop_px=[64, 128]", {"crop_px": [64, 128]}),
        ("augmentation.crop=false", {"augmentation": {"crop": False}}),
        ('class_weights."left eye"=2', {"class_weights": {"left eye": 2}}),
    ],
)
def test_a_setting_is_read(text, expected):
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["batch", "=4", "batch=", "a b=1", "a..b=1"])
def test_what_is_no_setting_is_refused(text):
    with pytest.raises(SegfitError, match="is not a setting"):
        parse_setting(text)


def test_later_tables_replace_values_and_keep_the_rest():
    merged = merge_settings(
        [{"a": {"x": 1, "y": 1}, "b": 1}, {"a": {"y": 2}}, {"b": {"z": 3}}, {"a": {"z": 4}}]
    )
    assert merged == {"a": {"x": 1, "y": 2, "z": 4}, "b": {"z": 3}}
