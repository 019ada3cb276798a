"""``segfit serve``: what is sent is answered as the command line answers it, within limits."""

import csv
import io
import json
import re
import struct
import tempfile
import threading
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image

from asking import ask, running
from segfit import Decision, SegfitError
from segfit.batch.predict import apply_method
from segfit.formats import FORMATS
from segfit.imaging.read import check_size, read_image
from segfit.serving.predict import list_formats, name_safely

LOCAL = "http://127.0.0.1"


def post(app, content, *, query="", path="/predict", headers=None):
    return ask(app, path, method="POST", query=query, headers=headers, chunks=[content])


def post_form(app, parts, *, path="/predict/batch", query=""):
    """Send files, (field, name, content) each, as a browser sends a form."""
    request = httpx.Request(
        "POST", f"{LOCAL}{path}", files=[(field, (name, body)) for field, name, body in parts]
    )
    kind = {"content-type": request.headers["content-type"]}
    return post(app, request.read(), path=path, query=query, headers=kind)


def unzip(answer):
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def to_labels(answer):
    assert answer.status == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.body)))


def to_detail(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    return json.loads(answer.body)["detail"]


def make_png(width, height, rows=b""):
    """A PNG file whose header says that it is of this size."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_an_image_is_answered_by_what_the_model_finds_in_it(serve, nuclei, images):
    answer = post(serve(), images[0].read_bytes())
    assert answer.headers["content-type"] == "image/png"
    assert np.array_equal(to_labels(answer), nuclei(images[0]).labels)
    assert float(answer.headers["segfit-seconds"]) > 0


def test_every_format_is_written_as_on_the_command_line(serve, nuclei, images, tmp_path):
    app = serve()
    listed = [one["name"] for one in json.loads(ask(app, "/formats").body)]
    assert set(listed) >= {name for name, one in FORMATS.items() if one.needs <= nuclei.provides}
    small = tmp_path / "images" / "small.png"
    small.parent.mkdir()
    Image.open(images[0]).crop((0, 0, 64, 64)).save(small)
    for name in listed:
        results = tmp_path / name
        apply_method(nuclei, [small], results, [name])
        expected = {
            path.relative_to(results).as_posix(): path.read_bytes()
            for path in results.rglob("*")
            if path.is_file()
        }
        answer = post_form(
            app,
            [("image", "small.png", small.read_bytes())],
            path="/predict",
            query=f"format={name}",
        )
        assert answer.status == 200, (name, answer.text)
        named = answer.headers["content-disposition"].removeprefix("inline; filename*=UTF-8''")
        if len(expected) == 1:
            expected = {Path(one).name: content for one, content in expected.items()}
            assert {named: answer.body} == expected, name
        else:
            assert (named, unzip(answer)) == ("results.zip", expected), name


def test_several_formats_come_in_a_zip_named_after_the_image(serve, images):
    answer = post_form(
        serve(),
        [("image", "blätt.tif", images[0].read_bytes())],
        path="/predict",
        query="format=mask&format=json&format=labelme&format=mask",
    )
    assert answer.headers["content-type"] == "application/zip"
    files = unzip(answer)
    assert sorted(files) == ["blätt.json", "blätt.png", "labelme/blätt.json"]
    assert tempfile.gettempdir() not in str(files)


def test_every_setting_of_a_decision_is_a_parameter(serve, nuclei, images):
    app = serve()
    described = json.loads(ask(app, "/openapi.json").body)
    (post_image,) = described["paths"]["/predict"].values()
    parameters = {one["name"]: one["description"] for one in post_image["parameters"]}
    assert {one.name for one in fields(Decision)} < set(parameters)
    assert parameters["min_area_px"].startswith("regions and objects smaller than that")
    assert parameters["threshold"].startswith("for models of background and foreground: the prob")
    image = images[0].read_bytes()
    strict = post(app, image, query="threshold=0.95&min_area_px=30&refine=false")
    expected = nuclei(images[0], decision=Decision(0.95, min_area_px=30), refine=False).labels
    assert np.array_equal(to_labels(strict), expected)
    assert not np.array_equal(expected, nuclei(images[0]).labels)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("threshold=2", "threshold is a probability from 0 to 1, given 2.0"),
        ("threshold=nan", "query.threshold: expected a finite number, given 'nan'"),
        ("reject=0.5", "no use for reject"),
        ("treshold=0.5", "there is no query.treshold"),
        ("format=mask,overlay", "query.format.0: expected 'coco', "),
        ("format=edges", "query.format.0: expected 'coco', "),
        ("channels=1,2", "channels 1,2: give one, which is shown grey, or three"),
        ("channels=7", "channel"),
        ("scale=1", "such as 0.65um/px"),
        ("simplify_px=-1", "query.simplify_px: expected greater than or equal to 0"),
    ],
)
def test_a_setting_that_will_not_do_is_refused(serve, images, query, message):
    answer = post(serve(), images[0].read_bytes(), query=query)
    assert answer.status == 422
    assert message in to_detail(answer)


def test_bad_images_are_refused_as_on_the_command_line(serve, images, tmp_path):
    app = serve(max_megapixels=1)
    whole = io.BytesIO()
    Image.open(images[0]).convert("RGB").save(whole, "JPEG")
    for content in (
        b"",
        b"GIF89a",
        b"no image at all",
        b"%PDF-1.7",
        whole.getvalue()[: len(whole.getvalue()) // 2],
        make_png(100_000, 100_000),
        make_png(2000, 2000, b"\0" * (2000 * 2001)),
        make_png(4, 4, b"\0" * 20),
        make_png(64, 64, b"\0" * 100),
    ):
        answer = post(app, content)
        assert answer.status == 422, content[:20]
        file = tmp_path / "image"
        file.write_bytes(content)
        with pytest.raises(SegfitError) as mistake:
            check_size(read_image(file, max_megapixels=1), str(file))
        expected = str(mistake.value).replace(str(file), "image")
        assert to_detail(answer) == expected.replace(
            "raise max_megapixels", "start the server with a larger --max-megapixels"
        )
        assert tempfile.gettempdir() not in answer.text


def test_a_batch_gives_one_zip_and_says_what_failed(serve, nuclei, images):
    answer = post_form(
        serve(),
        [
            ("images", "one.png", images[0].read_bytes()),
            ("images", "two.png", images[1].read_bytes()),
            ("images", "notes.txt", b"text"),
            ("other", "three.png", images[2].read_bytes()),
        ],
        query="format=mask&format=table",
    )
    files = unzip(answer)
    assert sorted(files) == ["failed.json", "objects.csv", "one.png", "two.png"]
    labels = np.asarray(Image.open(io.BytesIO(files["two.png"])))
    assert np.array_equal(labels, nuclei(images[1]).labels)
    rows = list(csv.DictReader(io.StringIO(files["objects.csv"].decode())))
    assert {row["image"] for row in rows} == {"one.png", "two.png"}
    failed = json.loads(files["failed.json"])
    assert list(failed) == ["notes.txt"]
    assert failed["notes.txt"].startswith("notes.txt is not a PNG")


@pytest.mark.parametrize(
    ("parts", "path", "message"),
    [
        ([("images", "a.png", b"x"), ("images", "b.png", b"y")], "/predict/batch", "a.png is not"),
        ([("images", "a.png", b"x"), ("images", "b/a.png", b"x")], "/predict/batch", "two images"),
        ([("images", "a.png", b"x"), ("images", "a.jpg", b"x")], "/predict/batch", "both be writt"),
        ([("image", "a.png", b"x")], "/predict/batch", "no file in its field images"),
        ([("images", "a.png", b"x")], "/predict", "0 files in its field image"),
        ([("image", "a.png", b"x"), ("image", "b.png", b"x")], "/predict", "2 files in its"),
    ],
)
def test_forms_that_will_not_do_are_refused(serve, parts, path, message):
    answer = post_form(serve(most_images=3), parts, path=path)
    assert answer.status == 422
    assert message in to_detail(answer)
    assert tempfile.gettempdir() not in answer.text


def test_what_is_no_form_is_refused(serve):
    app = serve()
    assert post(app, b"x", path="/predict/batch").status == 415
    for more in ("", "; boundary=", "; boundary=-"):
        broken = {"content-type": f"multipart/form-data{more}"}
        answer = post(app, b"abc", path="/predict/batch", headers=broken)
        assert answer.status == 400
        assert "send multipart/form-data, with each image as a file" in to_detail(answer)


def test_as_many_images_come_as_may_and_no_more(serve):
    """Starlette's own limit of 1,000 files is not that of a server that takes more."""
    parts = [("images", f"{number}.png", b"x") for number in range(1001)]
    refused = post_form(serve(most_images=1000), parts)
    assert refused.status == 400
    assert to_detail(refused).endswith("a file that has a name, 1000 at most")
    assert post_form(serve(most_images=1001), parts[:3] + parts[-1:]).status == 422  # no images


def test_messages_advise_what_a_request_can_have(serve, tmp_path):
    tifffile.imwrite(tmp_path / "five.tif", np.zeros((16, 16, 5), np.uint8), planarconfig="contig")
    five = (tmp_path / "five.tif").read_bytes()
    assert to_detail(post(serve(), five)).endswith("such as channels=0,1,2")
    assert post(serve(), five, query="channels=0,1,2").status == 200
    unknown = to_detail(post(serve(), five, query="channels=7"))
    assert unknown.endswith("choose others by channels, or leave it out")
    large = to_detail(post(serve(max_megapixels=1), make_png(2000, 2000)))
    assert large.endswith("or start the server with a larger --max-megapixels")


def test_another_method_is_told_which_there_is(serve):
    answer = ask(serve(), "/predict")
    assert answer.status == 405
    assert to_detail(answer) == "/predict takes POST, given GET"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\x.png", "x.png"),
        ("", "image"),
        ("...", "image"),
        (".png", "png"),
        ("a\0b\n<c>.png", "a_b__c_.png"),
        ("細胞.tif", "細胞.tif"),
        ("कोशिका.png", "कोशिका.png"),
        ("cafe\u0301 😀 & o'neil.png", "cafe\u0301 😀 & o'neil.png"),
        ("a\u202egnp.exe", "a_gnp.exe"),
        ("n" * 300 + ".png", "n" * 176 + ".png"),
        ("a." + "b" * 300, "image"),
    ],
)
def test_names_stay_in_their_folder(name, safe):
    assert name_safely(name) == safe


def test_many_at_once_get_what_one_gets(serve, images):
    contents = [path.read_bytes() for path in images[:3]]
    with running(serve(workers=3, longest_queue=50)) as listener, connect(listener) as client:

        def send(number):
            answer = client.post("/predict", content=contents[number % 3])
            assert answer.status_code == 200, answer.text
            return answer.content

        alone = [send(number) for number in range(3)]
        with ThreadPoolExecutor(6) as threads:
            together = list(threads.map(send, range(18)))
    assert len(set(alone)) == 3
    assert together == [alone[number % 3] for number in range(18)]


def test_what_was_fitted_to_strokes_is_served_like_a_trained_model(serve, scribbles, images):
    app = serve(scribbles, workers=3, longest_queue=20)
    model = json.loads(ask(app, "/model").body)
    assert (model["name"], model["description"]) == ("strokes", "Fitted to strokes on 1 image.")
    expected = [scribbles(path).labels for path in images[:3]]
    assert expected[0].any()
    with running(app) as listener, connect(listener) as client, ThreadPoolExecutor(6) as threads:
        sent = [path.read_bytes() for path in images[:3]] * 3
        answers = list(threads.map(lambda body: client.post("/predict", content=body), sent))
        table = client.post("/predict?format=table&refine=true", content=sent[0])
    for number, answer in enumerate(answers):
        labels = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert np.array_equal(labels, expected[number % 3])
    assert table.text.startswith("image,")


def test_a_full_queue_says_when_to_try_again(serve, held, images):
    content = images[0].read_bytes()
    app = serve(held, workers=1, longest_queue=1)
    with running(app) as listener, connect(listener) as client, ThreadPoolExecutor(2) as threads:
        taken = [threads.submit(client.post, "/predict", content=content) for _ in "ab"]
        assert held.has_begun.wait(10)
        wait_until(lambda: client.get("/health").json()["waiting"] == 1)
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200
        refused = client.post("/predict", content=content)
        held.may_go_on.set()
        assert [one.result().status_code for one in taken] == [200, 200]
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert "try again in" in refused.json()["detail"]
        assert client.get("/health/ready").json()["ready"]
        figures = client.get("/metrics").text
    for line in (
        'segfit_requests_total{path="/predict",status="429"} 1.0',
        'segfit_refused_total{reason="full queue"} 1.0',
        'segfit_request_seconds_count{path="/predict"} 3.0',
        'segfit_images_total{outcome="done"} 2.0',
        "segfit_queue_length 0.0",
    ):
        assert line in figures


def test_what_takes_too_long_is_given_up(serve, held, images):
    app = serve(held, workers=1, longest_queue=1, time_limit_s=0.3)
    answer = post(app, images[0].read_bytes())
    assert answer.status == 504
    assert "no answer within 0.3 s" in to_detail(answer)
    assert json.loads(ask(app, "/health").body)["running"] == 1  # its thread is not free yet
    held.may_go_on.set()
    wait_until(lambda: json.loads(ask(app, "/health").body)["running"] == 0)


def test_nobody_works_for_who_has_gone(serve, held, images):
    parts = [("images", f"{n}.png", images[0].read_bytes()) for n in range(3)]
    with running(serve(held, workers=1)) as listener:
        files = [(field, (name, body)) for field, name, body in parts]
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{listener.address}predict/batch", files=files, timeout=0.5)
        assert held.has_begun.wait(5)
        held.may_go_on.set()
        wait_until(lambda: httpx.get(f"{listener.address}health").json()["running"] == 0)
    assert held.calls < 3  # it stopped between images


def test_a_body_is_bounded_however_it_comes(serve):
    with running(serve(largest_body=1000)) as listener:
        for content in (b"x" * 1001, iter([b"x" * 600, b"x" * 600])):
            answer = httpx.post(f"{listener.address}predict", content=content)
            assert answer.status_code == 413
            assert answer.json()["detail"].startswith("the body is larger than 0.001 MB")


def test_a_slow_body_is_given_up(serve):
    def drip():
        yield b"x"
        time.sleep(1)
        yield b"x"

    with running(serve(time_limit_s=0.2)) as listener:
        answer = httpx.post(f"{listener.address}predict", content=drip())
    assert answer.status_code == 408


def test_it_is_guarded(serve, images):
    image = images[0].read_bytes()
    app = serve()
    assert post(app, image, headers={"host": "evil.example"}).status == 403
    assert post(app, image, headers={"sec-fetch-site": "cross-site"}).status == 403
    assert post(app, image, headers={"origin": "http://evil.example"}).status == 403
    secret = serve(token="0123456789abcdef")
    assert post(secret, image).status == 401
    assert ask(secret, "/metrics").status == 401
    assert ask(secret, "/health/live").status == 200
    bearer = {"authorization": "Bearer 0123456789abcdef"}
    assert post(secret, image, headers=bearer).status == 200
    described = json.loads(ask(secret, "/openapi.json", headers=bearer).body)
    assert described["security"] == [{"token": []}]


def test_the_first_page_needs_nothing_from_elsewhere_and_no_script(serve, nuclei):
    app = serve()
    page = ask(app)
    assert page.status == 200
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert re.findall(r'(?:href|src|action)="(?!/|data:,)', page.text) == []
    assert "form-action 'self'" in page.headers["content-security-policy"]
    for path in ("/predict", "/predict/batch", "/formats", "/model", "/health", "/metrics"):
        assert f"{path}</code>" in page.text
    for name in list_formats(nuclei.provides):
        assert f'formaction="/predict?format={name}"' in page.text
    assert ask(app, "/style.css").headers["content-type"].startswith("text/css")


def test_the_model_is_described(serve, nuclei):
    model = json.loads(ask(serve(), "/model").body)
    assert [one["name"] for one in model["classes"]] == list(nuclei.classes.names)
    assert model["threshold"] == nuclei.card.threshold
    assert [one["has_objects"] for one in model["classes"]] == [False, True]


def test_what_nobody_serves_is_counted_under_one_name(serve):
    app = serve()
    for number in range(3):
        assert ask(app, f"/nothing/{number}").status == 404
    figures = ask(app, "/metrics").text
    assert 'segfit_requests_total{path="other",status="404"} 3.0' in figures
    assert "/nothing" not in figures


def test_requests_that_wait_at_the_end_are_still_answered(serve, held, images):
    with ThreadPoolExecutor(1) as threads:
        with running(serve(held, workers=1)) as listener:
            answer = threads.submit(
                httpx.post, f"{listener.address}predict", content=images[0].read_bytes(), timeout=20
            )
            assert held.has_begun.wait(10)
            threading.Timer(0.3, held.may_go_on.set).start()
        assert answer.result().status_code == 200


def connect(listener):
    return httpx.Client(base_url=listener.address, timeout=30)


def wait_until(is_so, seconds=10):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)
