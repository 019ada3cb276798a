"""The .segfit archive: a zip of a card in JSON, networks in ONNX, and their weights. No pickle.

``model.json``        the card, see ``segfit.model.card``
``NAME.onnx``         the graph of each network that the card names; its weights are references into
``NAME.safetensors``  the numbers, from which training can resume

A *segmenter* has a classifier, and may have networks that go with it. A *refiner* has a regressor
alone, which moves outlines that come from elsewhere. *Features* are an encoder alone, by which
pixels are described for what learns from strokes. *Scribbles* are such a learner: its numbers are
in the card, and it has no network of its own.
"""

from __future__ import annotations

import hashlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Generic, TypeVar

from segfit.basics.files import write_file
from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.model.architecture import ARCHITECTURES
from segfit.model.card import (
    CARD_NAME,
    Card,
    FeatureCard,
    ModelCard,
    RefinerCard,
    dump_card,
    parse_card,
    refuse_newer,
)

SUFFIX = ".segfit"
GRAPH_SUFFIX, WEIGHTS_SUFFIX = ".onnx", ".safetensors"

# The most that each member may unpack to: a hostile file must not fill memory.
MEMBER_LIMITS_BYTES = {
    CARD_NAME: 4 << 20,
    **{name + GRAPH_SUFFIX: 64 << 20 for name in ARCHITECTURES},
    **{name + WEIGHTS_SUFFIX: 2 << 30 for name in ARCHITECTURES},
}

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


@dataclass(frozen=True)
class NetworkFiles:
    """A network: its graph in ONNX and the safetensors file that the graph refers to."""

    graph: bytes
    weights: bytes

    __repr__ = show_briefly


CardOfKind = TypeVar("CardOfKind", bound=Card, covariant=True)


@dataclass(frozen=True)
class ModelFile(Generic[CardOfKind]):
    """The members of an archive, in memory; ``networks``: those of the card, by the same names."""

    card: CardOfKind
    networks: Mapping[str, NetworkFiles] = field(hash=False)

    __repr__ = show_briefly

    @property
    def members(self) -> dict[str, bytes]:
        """The files that networks are made of, by name; weights before the graphs using them."""
        members = {}
        for name in ARCHITECTURES:
            if name in self.networks:
                members[name + WEIGHTS_SUFFIX] = self.networks[name].weights
                members[name + GRAPH_SUFFIX] = self.networks[name].graph
        return members

    @cached_property
    def digest(self) -> str:
        """Names the networks: the same graphs and weights have the same digest."""
        return hashlib.sha256(b"".join(self.members.values())).hexdigest()[:20]


def write_model(model: ModelFile[Card], path: Path, *, force: bool = False) -> None:
    """Write an archive; an existing file is replaced only with ``force``."""
    buffer = BytesIO()
    members = {CARD_NAME: dump_card(model.card), **model.members}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # A fixed date, so that the same model gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, compresslevel=6)
    write_file(path, buffer.getvalue(), force=force, durable=True)


def read_model(path: Path) -> ModelFile[ModelCard]:
    """Read a segmenter; raises ``SegfitError`` as ``read_archive`` does, and for a refiner."""
    model = read_archive(path)
    if not isinstance(model.card, ModelCard):
        raise SegfitError(f"{path} {describe_kind(model.card, path)}")
    return ModelFile(model.card, model.networks)


def read_refiner(path: Path) -> ModelFile[RefinerCard]:
    """Read a refiner; raises ``SegfitError`` as ``read_archive`` does, and for a segmenter."""
    model = read_archive(path)
    if not isinstance(model.card, RefinerCard):
        raise SegfitError(
            f"{path} segments images and refines no masks from elsewhere: give a refiner, which "
            "segfit train DATA -o NAME.segfit --component regressor makes"
        )
    return ModelFile(model.card, model.networks)


def read_features(path: Path) -> ModelFile[FeatureCard]:
    """Read an encoder of features; raises ``SegfitError`` as ``read_archive`` does, and for
    another kind of model.
    """
    model = read_archive(path)
    if not isinstance(model.card, FeatureCard):
        raise SegfitError(
            f"{path} is no encoder of features for strokes: leave it out, and the shipped one is "
            "used"
        )
    return ModelFile(model.card, model.networks)


def describe_kind(card: Card, path: Path) -> str:
    """What a model is that was taken for a segmenter, and what to do with it, after its path."""
    if isinstance(card, RefinerCard):
        return (
            "is a refiner: it moves the outlines of masks and segments nothing itself; use "
            f"it by segfit refine MASKS --model {path}, measure it by segfit evaluate {path} DATA "
            "--component regressor (in Python: segfit.load_refiner)"
        )
    return (
        "describes pixels for what learns from strokes and segments nothing itself: fit a model "
        "to strokes by segfit scribble DATA -o NAME.segfit"
    )


def read_archive(path: Path) -> ModelFile[Card]:
    """Read an archive of any kind.

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
    card = parse_card(members[CARD_NAME], path)
    _check_members(members.keys() - {CARD_NAME}, card, path)
    networks = {
        name: NetworkFiles(members[name + GRAPH_SUFFIX], members[name + WEIGHTS_SUFFIX])
        for name in card.networks
    }
    return ModelFile(card, networks)


def _check_members(names: Set[str], card: Card, path: Path) -> None:
    """Raise ``SegfitError`` unless an archive holds the networks that its card names."""
    needed = {name + suffix for name in card.networks for suffix in (GRAPH_SUFFIX, WEIGHTS_SUFFIX)}
    missing, foreign = sorted(needed - names), sorted(names - needed)
    if missing:
        raise SegfitError(f"{path} is incomplete, it lacks {', '.join(missing)}: train it again")
    if foreign:
        raise SegfitError(
            f"{path} holds {', '.join(foreign)}, but its card names only the networks "
            f"{', '.join(card.networks)}: train it again"
        )


def _read_members(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    listed = {info.filename: info for info in archive.infolist()}
    file_bytes = path.stat().st_size
    if CARD_NAME not in listed:
        raise SegfitError(f"{path} is a zip file but not a segfit model: it has no {CARD_NAME}")
    if listed[CARD_NAME].file_size <= MEMBER_LIMITS_BYTES[CARD_NAME]:
        refuse_newer(_read_member(archive, listed[CARD_NAME]), path)
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
