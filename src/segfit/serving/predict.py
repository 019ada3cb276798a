"""Uploaded images → result files, as ``segfit predict`` makes them."""

from __future__ import annotations

import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory

from segfit.basics.arrays import UInt8Array
from segfit.basics.show import show_briefly
from segfit.basics.text import encode_text
from segfit.batch.predict import apply_method
from segfit.batch.run_formats import RUN_FORMATS, RunFormat
from segfit.classes import ClassTable
from segfit.classification.decision import Decision
from segfit.errors import SegfitError
from segfit.formats import FORMATS, Content, Format
from segfit.imaging.channels import Channels
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS
from segfit.imaging.scale import Scale
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation
from segfit.segmenter import BY_THE_MODEL, AdjustedSegmenter, Segmenter
from segfit.serving.queue import IsAbandoned

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".zip": "application/zip",
}
"""By suffix; of other files, bytes."""
ANY_BYTES = "application/octet-stream"
PACKED_ALREADY = frozenset({".png", ".jpg", ".npz", ".parquet", ".zip"})
RESULTS, FAILED = "results.zip", "failed.json"
LONGEST_NAME_BYTES = 180
"""Of an image; what is added for its results also has to fit into what file systems take."""
_KEPT_KINDS = frozenset({"L", "M", "N", "So"})
"""Letters and their marks, digits and pictures of all alphabets, by Unicode's categories."""
_KEPT_SIGNS = frozenset(" ._()+,@=[]-&'")
_OPTION = re.compile(r"--[a-z-]+(?: (\S+))? \(in Python: (\w+)=(?:\([^()]*\)|…)\)")
_ADVICE = {
    "raise max_megapixels": "start the server with a larger --max-megapixels",
    "--min-area": "min_area_px",
}
"""What messages advise who is at the command line, and who sends a request."""


class AbandonedError(Exception):
    """Nobody waits any more for what was being done."""


@dataclass(frozen=True, eq=False)
class Upload:
    """An image file that came over the net: what it is called there, and its bytes."""

    name: str
    data: bytes

    __repr__ = show_briefly


@dataclass(frozen=True)
class Wish:
    """What is to be made of images; the fields are those of ``apply_method``."""

    formats: Sequence[str]
    decision: Decision = BY_THE_MODEL
    refine: bool = True
    simplify_px: float | None = None
    channels: Channels | None = None
    scale: Scale | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """A file to send: a result, or a zip of several.

    ``notes``: what the user should know of the images. ``done``, ``failed``: how many images.
    """

    name: str
    content: bytes
    notes: tuple[str, ...]
    done: int
    failed: int

    __repr__ = show_briefly

    @property
    def media_type(self) -> str:
        """What kind of file it is."""
        return MEDIA_TYPES.get(Path(self.name).suffix, ANY_BYTES)


@dataclass(frozen=True)
class _WhileWanted:
    """A method, as long as anybody waits for its answers."""

    method: Method
    is_abandoned: IsAbandoned

    @property
    def classes(self) -> ClassTable:
        return self.method.classes

    @property
    def provides(self) -> frozenset[Content]:
        return self.method.provides

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        if self.is_abandoned():
            raise AbandonedError
        return self.method(image)


def predict(
    segmenter: Segmenter,
    uploads: Sequence[Upload],
    wish: Wish,
    *,
    as_zip: bool = False,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
    is_abandoned: IsAbandoned = lambda: False,
) -> Answer:
    """Segment images and pack the results: the file itself, where there is one and not ``as_zip``.

    Of a zip, images that failed are in ``failed.json``, by their names and why. ``is_abandoned`` is
    asked between images. Raises ``SegfitError`` where no image could be done, for what the model
    has no use for, and for two images of one name; ``AbandonedError`` when told so.
    """
    method = _WhileWanted(AdjustedSegmenter(segmenter, wish.decision, wish.refine), is_abandoned)
    with TemporaryDirectory(prefix="segfit-") as folder:
        place = Path(folder).resolve()
        images = _store(uploads, place / "images")

        try:
            report = apply_method(
                method,
                images,
                place / "results",
                wish.formats,
                simplify_px=wish.simplify_px,
                channels=wish.channels or segmenter.card.own_channels,
                scale=wish.scale,
                max_megapixels=max_megapixels,
            )
        except SegfitError as error:
            raise SegfitError(_say_to_client(str(error), place)) from error
        failed = {one.path.name: _say_to_client(one.reason, place) for one in report.failed}
        if not report.done:
            raise SegfitError("; ".join(failed.values()))
        notes = [note for one in report.done for note in (one.note, one.scale_note) if note]
        files = {
            path.relative_to(place / "results").as_posix(): path.read_bytes()
            for path in sorted((place / "results").rglob("*"))
            if path.is_file()
        }
    if failed:
        files[FAILED] = encode_text(json.dumps(failed, indent=1, ensure_ascii=False) + "\n")
    single = len(files) == 1 and not as_zip
    ((name, content), *_) = files.items() if single else [(RESULTS, _pack(files))]
    return Answer(
        Path(name).name, content, tuple(dict.fromkeys(notes)), len(report.done), len(failed)
    )


def list_formats(provides: Iterable[Content]) -> dict[str, str]:
    """The formats that results with these contents can be written in, and what each is for."""
    there_is = frozenset(provides)
    of_images = (one for one in FORMATS.values() if one.needs <= there_is)
    files = {one.name: one.purpose for one in of_images if _works_here(one)}
    return files | {one.name: one.purpose for one in RUN_FORMATS.values() if _works_here(one)}


def name_safely(name: str) -> str:
    r"""The last part of a name, with nothing that a file system could take for something else.

    >>> name_safely("../scans/leaf: 1.png"), name_safely(r"C:\scans\leaf.png"), name_safely("..")
    ('leaf_ 1.png', 'leaf.png', 'image')
    """
    last = PureWindowsPath(name).name
    cleaned = "".join(sign if _is_kept(sign) else "_" for sign in last).strip(" .")
    stem, dot, suffix = cleaned.rpartition(".")
    if not dot:
        stem, suffix = cleaned, ""
    room = LONGEST_NAME_BYTES - len((dot + suffix).encode())
    short = stem.encode()[: max(room, 0)].decode(errors="ignore")
    return f"{short}{dot}{suffix}" if short else "image"


def _store(uploads: Sequence[Upload], folder: Path) -> list[Path]:
    folder.mkdir()
    paths: list[Path] = []
    for upload in uploads:
        path = folder / name_safely(upload.name)
        if path.exists():  # to some file systems a large letter and a small one are the same
            raise SegfitError(f"two images are called {path.name}: rename one of them")
        path.write_bytes(upload.data)
        paths.append(path)
    return paths


def _is_kept(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return sign in _KEPT_SIGNS or kind[0] in _KEPT_KINDS or kind in _KEPT_KINDS


def _say_to_client(message: str, place: Path) -> str:
    """A message that names files as who sent them does, and parameters instead of options."""
    for folder in ("images", "results"):
        message = message.replace(f"{place / folder}/", "")
    for advice, own in _ADVICE.items():
        message = message.replace(advice, own)
    return _OPTION.sub(_to_parameter, message)


def _to_parameter(option: re.Match[str]) -> str:
    value, name = option.groups()
    return name if value is None else f"{name}={value}"


def _pack(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            is_small = Path(name).suffix in PACKED_ALREADY
            kind = zipfile.ZIP_STORED if is_small else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, kind)
    return packed.getvalue()


def _works_here(one: Format | RunFormat) -> bool:
    """Whether what writes a format is installed."""
    try:
        if one.check is not None:
            one.check()
    except SegfitError:
        return False
    return True
