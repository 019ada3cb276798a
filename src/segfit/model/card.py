"""The card of a model: what it is, how to use it, where it comes from, which networks it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    InstanceOf,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from segfit.basics.text import say_mistake
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.imaging.channel_names import ChannelChoice, TrainedChannels
from segfit.imaging.channels import Channels, check_channels
from segfit.model.architecture import (
    ARCHITECTURES,
    Architecture,
    BoxArchitecture,
    ClassifierArchitecture,
    EncoderArchitecture,
    OutlineArchitecture,
    ReaderArchitecture,
)
from segfit.model.domain import Domain
from segfit.model.precision import FasterPrecisions
from segfit.model.scaling import Scaling

FORMAT_VERSION = 7
"""The newest that is read. 2: objects, branches, grey levels spread out. 3: a table of networks.
4: channels, the domain. 5: features squeezed by the classifier, faster precisions. 6: names of
channels. 7: offsets of outlines that shrink by their errors."""
CARD_NAME = "model.json"

BuiltLike = TypeVar("BuiltLike", bound=Architecture)
AnyCard = TypeVar("AnyCard", bound="Card")


@dataclass(frozen=True)
class NetworkCard(Generic[BuiltLike]):
    """A network of a model.

    ``temperature``: what its standard errors are multiplied by, found on the validation images; 1
    for one that gives none. ``metrics``: how well it does there. ``faster``: what it can be
    computed in instead of single precision, None where nobody measured that.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    architecture: BuiltLike
    temperature: Annotated[float, Field(gt=0)] = 1.0
    metrics: dict[str, Any] = field(default_factory=dict, hash=False)
    faster: FasterPrecisions | None = field(default=None, hash=False)


def list_networks(*networks: NetworkCard[Any]) -> dict[str, NetworkCard[Any]]:
    """The table of networks of a card."""
    return {network.architecture.NAME: network for network in networks}


class Card(BaseModel):
    """What every model says of itself.

    ``networks``: by the names of ``ARCHITECTURES``. ``plan``: the settings that it was trained
    with. ``channels``: of an image that it looks at, see ``read_image``; None for one or three.
    ``channel_names``: what its own images called these; None where they did not, or differed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Annotated[int, Field(strict=True, ge=1, le=FORMAT_VERSION)] = FORMAT_VERSION
    name: str
    description: str = ""
    data: str = ""
    licence: str = ""
    segfit_version: str
    created: str
    networks: dict[str, InstanceOf[NetworkCard[Any]]]
    plan: dict[str, Any] = {}
    channels: Channels | None = None
    channel_names: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        """Name, networks and origin, in one line; every field is in ``dump_card``."""
        kind, networks = type(self).__name__, ", ".join(self.networks)
        return f"<{kind} of {self.name}: {networks}; made {self.created} by {self.segfit_version}>"

    def __hash__(self) -> int:
        return hash((self.name, self.created, tuple(self.networks)))

    def network(self, kind: type[BuiltLike]) -> NetworkCard[BuiltLike] | None:
        """The card of the network of an architecture, None for a model that has none."""
        return self.networks.get(kind.NAME)

    def with_networks(self: AnyCard, *networks: NetworkCard[Any]) -> AnyCard:
        """The same with these networks and no others."""
        return self.model_copy(update={"networks": list_networks(*networks)})

    @property
    def own_channels(self) -> ChannelChoice:
        """The channels of an image that it looks at, by number and, where they are known, name."""
        if self.channel_names is None:
            return self.channels
        return TrainedChannels(self.channels, self.channel_names)

    @property
    def regressor(self) -> NetworkCard[OutlineArchitecture] | None:
        """The network that moves outlines; None where they stay where they are."""
        return self.network(OutlineArchitecture)

    @property
    def boxes(self) -> NetworkCard[BoxArchitecture] | None:
        """The network that moves boxes; None where they are those of the outlines."""
        return self.network(BoxArchitecture)

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: Channels | None) -> Channels | None:
        return None if channels is None else check_channels(channels)

    @field_validator("networks", mode="before")
    @classmethod
    def _parse_networks(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given  # which is refused by name
        return {name: _parse_network(name, entry) for name, entry in given.items()}

    @model_validator(mode="after")
    def _check_names(self) -> Card:
        names, channels = self.channel_names, self.channels
        if names is not None and channels is not None and len(names) != len(channels):
            raise ValueError(f"{len(channels)} channels have {len(names)} names")
        return self

    @model_validator(mode="after")
    def _check_company(self) -> Card:
        for name, network in self.networks.items():
            for other in network.architecture.GOES_WITH:
                if other not in self.networks:
                    raise ValueError(f"networks.{name} goes with a {other}, which there is not")
        return self


def _parse_network(name: str, entry: Any) -> NetworkCard[Any]:
    if name not in ARCHITECTURES:
        raise ValueError(f"{name} is not one of {', '.join(ARCHITECTURES)}")
    if isinstance(entry, NetworkCard):
        return entry
    try:
        return _find_parser(name).validate_python(entry)
    except ValidationError as error:
        raise ValueError(f"{name}{_explain(error)}") from error


@cache
def _find_parser(name: str) -> TypeAdapter[NetworkCard[Any]]:
    return TypeAdapter(NetworkCard[ARCHITECTURES[name]])  # type: ignore[valid-type]


class RefinerCard(Card):
    """What a refiner is, and where it comes from; its regressor has the figures."""

    kind: Literal["refiner"] = "refiner"

    @property
    def regressor(self) -> NetworkCard[OutlineArchitecture]:
        """The network that moves outlines."""
        return _require(self.network(OutlineArchitecture))

    @model_validator(mode="after")
    def _check_networks(self) -> RefinerCard:
        if OutlineArchitecture.NAME not in self.networks:
            raise ValueError(f"a refiner has a {OutlineArchitecture.NAME}, which there is not")
        if ClassifierArchitecture.NAME in self.networks:
            raise ValueError("a refiner has no classifier")
        if any(network.architecture.needs_features for network in self.networks.values()):
            raise ValueError("a network that needs a classifier's features is not a refiner")
        return self


class FeatureCard(Card):
    """What an encoder of features for pixel learners is, and where it comes from."""

    kind: Literal["features"] = "features"

    @model_validator(mode="after")
    def _check_networks(self) -> FeatureCard:
        if set(self.networks) != {EncoderArchitecture.NAME}:
            raise ValueError(f"features come from an {EncoderArchitecture.NAME} and nothing else")
        return self


class ModelCard(Card):
    """What a segmenter is, how to use it, and where it comes from.

    ``threshold``: foreground probability above which a pixel is foreground (one output only).
    ``certainty``: see ``Decision``.
    ``domain``: what its own images look like to the classifier, None where nobody measured it.
    """

    kind: Literal["segmenter"] = "segmenter"
    classes: ClassTable
    scaling: Scaling
    threshold: float = Field(default=0.5, ge=0, le=1)
    certainty: float = Field(default=0.0, ge=0, lt=1)
    domain: Domain | None = None

    @property
    def classifier(self) -> NetworkCard[ClassifierArchitecture]:
        """The network that says what is where."""
        return _require(self.network(ClassifierArchitecture))

    @property
    def architecture(self) -> ClassifierArchitecture:
        """What the classifier is built like."""
        return self.classifier.architecture

    @property
    def tells_objects_apart(self) -> bool:
        """Whether its classifier has a head for objects."""
        classifier = self.network(ClassifierArchitecture)
        return classifier is not None and classifier.architecture.has_objects

    @property
    def metrics(self) -> dict[str, Any]:
        """How well the classifier does on the validation images."""
        return self.classifier.metrics

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
    def _check_networks(self) -> ModelCard:
        classifier = self.network(ClassifierArchitecture)
        if classifier is None:
            raise ValueError("a segmenter has a classifier, which there is not")
        needed = 1 if self.classes.is_binary else len(self.classes)
        outputs = classifier.architecture.outputs
        if outputs != needed:
            raise ValueError(
                f"the classifier's architecture has {outputs} outputs, the classes need {needed}"
            )
        given = classifier.architecture.squeezed
        for name, network in self.networks.items():
            reader = network.architecture
            if isinstance(reader, ReaderArchitecture) and reader.needs_features:
                is_given = (reader.sees.stop or 0) <= given
                if (reader.squeezed_at is None) != (given == 0) or not is_given:
                    raise ValueError(f"{name} looks at features that the classifier does not give")
        planes = classifier.architecture.described_planes
        if self.domain is not None and len(self.domain.mean) != 2 * planes:
            raise ValueError(
                f"the domain has {len(self.domain.mean)} figures, the classifier {2 * planes}"
            )
        return self


class ScribbleCard(ModelCard):
    """What was fitted to strokes: a linear classifier of pixels, in the card itself.

    ``features``: digest of what it was fitted to, see ``FeatureExtractor``. ``weights``: of each
    class and feature; ``biases``: of each class. ``marks``: how many pixels of each class it was
    fitted to, by the class's name.
    """

    kind: Literal["scribbles"] = "scribbles"  # type: ignore[assignment]
    networks: dict[str, InstanceOf[NetworkCard[Any]]] = {}
    scaling: Scaling = Scaling("field")
    features: str
    weights: tuple[tuple[FiniteFloat, ...], ...]
    biases: tuple[FiniteFloat, ...]
    marks: dict[str, int] = {}

    @property
    def metrics(self) -> dict[str, Any]:
        """None: it was fitted in a blink, and nobody measured it."""
        return {}

    @model_validator(mode="after")
    def _check_networks(self) -> ScribbleCard:
        if self.networks:
            raise ValueError("what was fitted to strokes has no networks of its own")
        lengths = {len(of_class) for of_class in self.weights}
        if not len(self.weights) == len(self.biases) == len(self.classes) or len(lengths) != 1:
            raise ValueError(
                f"{len(self.classes)} classes need as many biases and rows of weights, all of one "
                "length"
            )
        return self


def _require(network: NetworkCard[BuiltLike] | None) -> NetworkCard[BuiltLike]:
    assert network is not None  # checked when the card was made
    return network


KINDS: dict[str, type[Card]] = {
    "segmenter": ModelCard,
    "refiner": RefinerCard,
    "features": FeatureCard,
    "scribbles": ScribbleCard,
}


def dump_card(card: Card) -> bytes:
    """A card as JSON."""
    return json.dumps(card.model_dump(mode="json"), indent=1).encode()


def parse_card(content: bytes, path: Path) -> Card:
    """A card from JSON, of any version up to today's; ``path``: the file that it is of.

    Raises ``SegfitError`` for a newer version and for anything that no card has.
    """
    parsed = _upgrade(_parse_json(content, path))
    kind = parsed.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SegfitError(
            f"{path}: {CARD_NAME}, kind is {kind!r}; expected {' or '.join(map(repr, KINDS))}"
        )
    try:
        return KINDS[kind].model_validate(parsed)
    except ValidationError as error:
        raise SegfitError(f"{path}: {CARD_NAME}{_explain(error)}") from error


def refuse_newer(content: bytes, path: Path) -> None:
    """Raise ``SegfitError`` for the card of a model that a newer segfit made."""
    version = _parse_json(content, path).get("format_version")
    if isinstance(version, int | float) and version > FORMAT_VERSION:
        raise SegfitError(
            f"{path} has format {version}; this segfit reads up to format {FORMAT_VERSION}: "
            "pip install --upgrade segfit"
        )


def _explain(error: ValidationError) -> str:
    """The place and the reason of the first mistake."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "as a whole"
    return f", {place}: {say_mistake(first['msg'])}"


def _parse_json(card: bytes, path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(card)
    except ValueError as error:
        raise SegfitError(f"{path}: its {CARD_NAME} is not JSON ({error})") from error
    if not isinstance(parsed, dict):
        raise SegfitError(f"{path}: its {CARD_NAME} is not a JSON object")
    return parsed


def _upgrade(card: dict[str, Any]) -> dict[str, Any]:
    """A card of an older format as today's has it: other names, and every network by itself."""
    version = card.get("format_version", 1)
    if version in (3, 4, 5, 6):
        return {**card, "format_version": FORMAT_VERSION}
    if version not in (1, 2):
        return card
    upgraded = {"kind": "segmenter", **card, "format_version": FORMAT_VERSION}
    upgraded["plan"] = _rename(card.get("plan", {}), {"instances": "objects"})
    if "classes" in card:
        upgraded["classes"] = _rename(card["classes"], {"things": "object_classes"})
    networks = {}
    if "architecture" in card:
        gives_features = {"gives_features": card.get("regressor") is not None}
        networks["classifier"] = {
            "architecture": _add(upgraded.pop("architecture"), gives_features),
            "metrics": upgraded.pop("metrics", {}),
        }
    for old, new in (("regressor", "regressor"), ("boxes", "box_regressor")):
        entry = upgraded.pop(old, None)
        if entry is not None:
            networks[new] = entry
    return {**upgraded, "networks": networks}


def _rename(table: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(table, dict):
        return table  # which is refused later, by name
    return {names.get(key, key): value for key, value in table.items()}


def _add(table: Any, entries: Mapping[str, Any]) -> Any:
    return {**table, **entries} if isinstance(table, dict) else table
