"""The .segfit archive: a zip of a card in JSON, networks in ONNX, and their weights. No pickle.

``model.json``              the card: classes, scaling, threshold, provenance, metrics
``classifier.onnx``         the segmentation network's graph; its weights are references into
``classifier.safetensors``  the numbers, from which training can resume
``regressor.onnx``, ``regressor.safetensors``  the same of the regression network, if there is one
``box_regressor.onnx``, ``box_regressor.safetensors``  and of the network for rectangles beside it

A *segmenter* has a classifier, and may have a regression network that goes with it. A *refiner* has
a regression network alone, which moves outlines that come from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.files import write_file
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture, OutlineArchitecture
from segfit.model.scaling import Scaling

FORMAT_VERSION = 3
"""The newest that is read. 2: objects, branches, grey levels spread out. 3: today's names."""
RENAMED_VERSION = 3
SUFFIX = ".segfit"
CARD_NAME = "model.json"
GRAPH_NAME = "classifier.onnx"
WEIGHTS_NAME = "classifier.safetensors"
REGRESSOR_GRAPH_NAME = "regressor.onnx"
REGRESSOR_WEIGHTS_NAME = "regressor.safetensors"
BOX_GRAPH_NAME = "box_regressor.onnx"
BOX_WEIGHTS_NAME = "box_regressor.safetensors"

# The most that each member may unpack to: a hostile file must not fill memory.
MEMBER_LIMITS_BYTES = {
    CARD_NAME: 4 << 20,
    GRAPH_NAME: 64 << 20,
    WEIGHTS_NAME: 2 << 30,
    REGRESSOR_GRAPH_NAME: 64 << 20,
    REGRESSOR_WEIGHTS_NAME: 1 << 30,
    BOX_GRAPH_NAME: 64 << 20,
    BOX_WEIGHTS_NAME: 1 << 30,
}
CLASSIFIER_MEMBERS = {GRAPH_NAME, WEIGHTS_NAME}
REGRESSOR_MEMBERS = {REGRESSOR_GRAPH_NAME, REGRESSOR_WEIGHTS_NAME}
BOX_MEMBERS = {BOX_GRAPH_NAME, BOX_WEIGHTS_NAME}


DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    UnicodeError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)
"""What ``zipfile`` raises on files that are not as they should be, as found by flipping bits."""


class RegressorCard(BaseModel):
    """The regression network of a model.

    ``temperature``: what its standard errors are multiplied by, found on the validation images.
    ``metrics``: what it gains there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: OutlineArchitecture
    temperature: float = Field(default=1.0, gt=0)
    metrics: dict[str, Any] = {}


class BoxesCard(BaseModel):
    """The network that moves the edges of rectangles; its fields are as in ``RegressorCard``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: BoxArchitecture
    temperature: float = Field(default=1.0, gt=0)
    metrics: dict[str, Any] = {}


class Card(BaseModel):
    """What every model says of itself; ``plan``: the settings that it was trained with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(default=FORMAT_VERSION, ge=1, le=FORMAT_VERSION)
    name: str
    description: str = ""
    data: str = ""
    licence: str = ""
    segfit_version: str
    created: str
    plan: dict[str, Any] = {}


class RefinerCard(Card):
    """What a refiner is, and where it comes from; ``regressor`` has its figures."""

    kind: Literal["refiner"] = "refiner"
    regressor: RegressorCard

    @field_validator("regressor")
    @classmethod
    def _check_features(cls, regressor: RegressorCard) -> RegressorCard:
        if regressor.architecture.features:
            raise ValueError("a network that needs a classifier's features is not a refiner")
        return regressor


class ModelCard(Card):
    """What a segmenter is, how to use it, and where it comes from.

    ``threshold``: foreground probability above which a pixel is foreground (one output only).
    ``regressor``: None for a model whose outlines stay where the classifier has them. ``boxes``:
    None for one whose rectangles are those of the outlines.
    ``metrics``: on its validation images.
    """

    classes: ClassTable
    scaling: Scaling
    architecture: ClassifierArchitecture
    threshold: float = Field(default=0.5, ge=0, le=1)
    regressor: RegressorCard | None = None
    boxes: BoxesCard | None = None
    metrics: dict[str, Any] = {}

    @field_validator("classes")
    @classmethod
    def _check_classes(cls, classes: ClassTable) -> ClassTable:
        if classes.background is not None and not 0 <= classes.background < len(classes):
            raise ValueError(
                f"background {classes.background} is not one of {len(classes)} classes"
            )
        if any(not 0 <= level <= 255 for color in classes.colors for level in color):
            raise ValueError("a color has three levels from 0 to 255")
        return classes

    @model_validator(mode="after")
    def _check_outputs(self) -> ModelCard:
        needed = 1 if self.classes.is_binary else len(self.classes)
        if self.architecture.outputs != needed:
            raise ValueError(
                f"architecture.outputs is {self.architecture.outputs}, the classes need {needed}"
            )
        if self.boxes is not None and self.regressor is None:
            raise ValueError("a network for rectangles goes with one for outlines")
        return self


@dataclass(frozen=True)
class NetworkFiles:
    """A network: its graph in ONNX and the safetensors file that the graph refers to."""

    graph: bytes
    weights: bytes


class Archive(ABC):
    """What the files of segmenters and of refiners share."""

    @property
    @abstractmethod
    def networks(self) -> dict[str, bytes]:
        """The members that networks are made of, by name; weights before the graphs using them."""

    @property
    def digest(self) -> str:
        """Names the networks: the same graphs and weights have the same digest."""
        return hashlib.sha256(b"".join(self.networks.values())).hexdigest()[:20]


@dataclass(frozen=True)
class ModelFile(Archive):
    """The members of a segmenter's archive, in memory."""

    card: ModelCard
    graph: bytes
    weights: bytes
    regressor: NetworkFiles | None = None
    boxes: NetworkFiles | None = None

    @property
    def networks(self) -> dict[str, bytes]:
        """The members that networks are made of, by name; weights before the graphs using them."""
        networks = {WEIGHTS_NAME: self.weights, GRAPH_NAME: self.graph}
        if self.regressor is not None:
            networks |= _name_regressor(self.regressor)
        if self.boxes is not None:
            networks |= {BOX_WEIGHTS_NAME: self.boxes.weights, BOX_GRAPH_NAME: self.boxes.graph}
        return networks


@dataclass(frozen=True)
class RefinerFile(Archive):
    """The members of a refiner's archive, in memory."""

    card: RefinerCard
    regressor: NetworkFiles

    @property
    def networks(self) -> dict[str, bytes]:
        """The members that the network is made of, by name; the weights before the graph."""
        return _name_regressor(self.regressor)


AnyModelFile = ModelFile | RefinerFile


def write_model(model: AnyModelFile, path: Path, *, force: bool = False) -> None:
    """Write an archive; an existing file is replaced only with ``force``."""
    buffer = BytesIO()
    card = json.dumps(model.card.model_dump(mode="json"), indent=1).encode()
    members = {CARD_NAME: card, **model.networks}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # A fixed date, so that the same model gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, compresslevel=6)
    write_file(path, buffer.getvalue(), force=force)


def read_model(path: Path) -> ModelFile:
    """Read a segmenter; raises ``SegfitError`` as ``read_archive`` does, and for a refiner."""
    model = read_archive(path)
    if isinstance(model, RefinerFile):
        raise SegfitError(
            f"{path} is a refiner: it moves the outlines of masks and segments nothing itself; use "
            f"it by segfit refine MASKS --model {path}, measure it by segfit evaluate {path} DATA "
            "--component regressor (in Python: segfit.load_refiner)"
        )
    return model


def read_refiner(path: Path) -> RefinerFile:
    """Read a refiner; raises ``SegfitError`` as ``read_archive`` does, and for a segmenter."""
    model = read_archive(path)
    if isinstance(model, ModelFile):
        raise SegfitError(
            f"{path} segments images and refines no masks from elsewhere: give a refiner, which "
            "segfit train DATA -o NAME.segfit --component regressor makes"
        )
    return model


def read_archive(path: Path) -> AnyModelFile:
    """Read an archive of either kind.

    Raises ``SegfitError`` for a missing, damaged or foreign file, one with members that do not
    belong there or that unpack to more than a model needs, and one of a newer format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _read_members(archive, path)
    except FileNotFoundError as error:
        raise SegfitError(f"{path}: there is no such model file") from error
    except IsADirectoryError as error:
        raise SegfitError(f"{path} is a folder; a model is a file that ends in {SUFFIX}") from error
    except PermissionError as error:
        raise SegfitError(f"{path}: may not be read: check its permissions") from error
    except DAMAGE as error:
        raise SegfitError(
            f"{path} is damaged or not a segfit model ({error}): copy or train it again"
        ) from error
    card = _parse_card(members[CARD_NAME], path)
    _check_members(members.keys() - {CARD_NAME}, card, path)
    regressor = (
        NetworkFiles(members[REGRESSOR_GRAPH_NAME], members[REGRESSOR_WEIGHTS_NAME])
        if REGRESSOR_GRAPH_NAME in members
        else None
    )
    if isinstance(card, RefinerCard):
        assert regressor is not None
        return RefinerFile(card, regressor)
    boxes = NetworkFiles(members[BOX_GRAPH_NAME], members[BOX_WEIGHTS_NAME]) if card.boxes else None
    return ModelFile(
        card, members[GRAPH_NAME], members[WEIGHTS_NAME], regressor=regressor, boxes=boxes
    )


def _name_regressor(regressor: NetworkFiles) -> dict[str, bytes]:
    return {REGRESSOR_WEIGHTS_NAME: regressor.weights, REGRESSOR_GRAPH_NAME: regressor.graph}


def _check_members(names: Set[str], card: ModelCard | RefinerCard, path: Path) -> None:
    """Raise ``SegfitError`` unless an archive holds the networks that its card names."""
    needed = set() if isinstance(card, RefinerCard) else CLASSIFIER_MEMBERS
    missing = sorted(needed - names)
    if missing:
        raise SegfitError(f"{path} is incomplete, it lacks {', '.join(missing)}: train it again")
    has_regressor = card.regressor is not None
    if names - BOX_MEMBERS != needed | (REGRESSOR_MEMBERS if has_regressor else set()):
        raise SegfitError(
            f"{path}: its card names {'a' if has_regressor else 'no'} regression network"
            f"{'' if needed else ' alone'}, which is not what it holds: train it again"
        )
    has_boxes = isinstance(card, ModelCard) and card.boxes is not None
    if names & BOX_MEMBERS != (BOX_MEMBERS if has_boxes else set()):
        raise SegfitError(
            f"{path}: its card names {'a' if has_boxes else 'no'} network for rectangles, which is "
            "not what it holds: train it again"
        )


def _read_members(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    listed = {info.filename: info for info in archive.infolist()}
    file_bytes = path.stat().st_size
    if CARD_NAME not in listed:
        raise SegfitError(f"{path} is a zip file but not a segfit model: it has no {CARD_NAME}")
    if listed[CARD_NAME].file_size <= MEMBER_LIMITS_BYTES[CARD_NAME]:
        _refuse_newer(_read_member(archive, listed[CARD_NAME]), path)
    foreign = sorted(listed.keys() - MEMBER_LIMITS_BYTES.keys())
    if foreign or len(archive.infolist()) != len(listed):
        raise SegfitError(
            f"{path}: refused, it holds what no model holds: {', '.join(foreign) or 'a file twice'}"
        )
    for name in listed:
        limit = MEMBER_LIMITS_BYTES[name]
        # What a member says of itself may be a lie; it cannot be larger than the file it is in.
        size, packed = listed[name].file_size, min(listed[name].compress_size, file_bytes)
        if size > limit or size > 200 * max(packed, 1000):
            raise SegfitError(f"{path}: refused, {name} would unpack to {size:,} bytes")
    return {name: _read_member(archive, info) for name, info in listed.items()}


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Unpack a member, and no more of it than it says it has: ``archive.read`` would."""
    with archive.open(info) as member:
        content = member.read(info.file_size)
    if len(content) != info.file_size:
        raise EOFError(f"{info.filename} is shorter than it says")
    return content


def _refuse_newer(card: bytes, path: Path) -> None:
    version = _parse_json(card, path).get("format_version")
    if isinstance(version, int | float) and version > FORMAT_VERSION:
        raise SegfitError(
            f"{path} has format {version}; this segfit reads up to format {FORMAT_VERSION}: "
            "pip install --upgrade segfit"
        )


def _parse_json(card: bytes, path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(card)
    except ValueError as error:
        raise SegfitError(f"{path}: its {CARD_NAME} is not JSON ({error})") from error
    if not isinstance(parsed, dict):
        raise SegfitError(f"{path}: its {CARD_NAME} is not a JSON object")
    return parsed


def _upgrade(card: dict[str, Any]) -> dict[str, Any]:
    """A card of an older format version under today's names."""
    if card.get("format_version", 1) >= RENAMED_VERSION:
        return card
    upgraded = {**card, "plan": _rename(card.get("plan", {}), {"instances": "objects"})}
    if "classes" in card:
        upgraded["classes"] = _rename(card["classes"], {"things": "object_classes"})
    return upgraded


def _rename(table: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(table, dict):
        return table  # which is refused later, by name
    return {names.get(key, key): value for key, value in table.items()}


def _parse_card(card: bytes, path: Path) -> ModelCard | RefinerCard:
    parsed = _upgrade(_parse_json(card, path))
    try:
        # Cards of segmenters, the older kind, do not say what they are.
        if "kind" in parsed:
            return RefinerCard.model_validate(parsed)
        return ModelCard.model_validate(parsed)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "as a whole"
        raise SegfitError(f"{path}: {CARD_NAME}, {place}: {first['msg']}") from error
