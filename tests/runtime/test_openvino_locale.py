"""OpenVINO changes the process's locale while it reads; what comes after must not notice."""

from __future__ import annotations

import locale
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import segfit

GREY = np.full((64, 64, 3), 128, np.uint8)


@pytest.fixture
def utf_8():
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        pytest.skip("no locale C.UTF-8 on this system")
    yield
    locale.setlocale(locale.LC_CTYPE, before)


def test_models_opened_at_once_leave_the_locale_as_it_was(utf_8):
    def open_and_run(_: int) -> None:
        segfit.load("edges", threads=1)(GREY)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_and_run, range(12)))
    assert locale.getencoding() == "UTF-8"
