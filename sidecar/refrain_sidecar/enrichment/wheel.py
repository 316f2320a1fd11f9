"""The feelings wheel: 6 primaries × 6 secondaries × 6 tertiaries, read from `wheel.json`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files

from attrs import frozen

SIDES = 6


@frozen
class Secondary:
    """A feeling of the middle ring. `valence` is -1..1 (unpleasant to pleasant), `arousal` 0..1."""

    name: str
    primary: str
    tertiaries: tuple[str, ...]
    valence: float
    arousal: float

    @property
    def words(self) -> tuple[str, ...]:
        """Its own name and its tertiaries."""
        return (self.name, *self.tertiaries)


@frozen
class Place:
    """A place on the wheel, from the middle outwards."""

    primary: str
    secondary: str
    tertiary: str

    def __str__(self) -> str:
        return f"{self.primary}/{self.secondary}/{self.tertiary}"


@frozen
class Wheel:
    """All feelings. Every word of the wheel, whatever its ring, occurs once."""

    rings: Mapping[str, tuple[Secondary, ...]]

    @property
    def primaries(self) -> tuple[str, ...]:
        return tuple(self.rings)

    @property
    def secondaries(self) -> tuple[Secondary, ...]:
        return tuple(secondary for ring in self.rings.values() for secondary in ring)

    @property
    def tertiaries(self) -> tuple[str, ...]:
        return tuple(word for secondary in self.secondaries for word in secondary.tertiaries)

    @functools.cached_property
    def words(self) -> tuple[str, ...]:
        """All 258 words, each primary followed by its secondaries with their tertiaries."""
        return tuple(word for primary in self.rings for word in self.words_of(primary))

    @property
    def places(self) -> Iterator[Place]:
        """The 216 places, in the wheel's order."""
        return (
            Place(secondary.primary, secondary.name, tertiary)
            for secondary in self.secondaries
            for tertiary in secondary.tertiaries
        )

    def words_of(self, primary: str) -> tuple[str, ...]:
        """`primary` and every word under it: 43."""
        return (primary, *(word for ring in self.rings[primary] for word in ring.words))

    def secondary(self, name: str) -> Secondary:
        """Raises KeyError for a word that is no secondary."""
        return _by_name()[name]

    def primary_of(self, word: str) -> str:
        """The primary above `word` (or itself). Raises KeyError for a word not on the wheel."""
        return _primaries()[word]

    def place(self, word: str) -> Place:
        """Where a tertiary stands. Raises KeyError for any other word."""
        return _places()[word]

    def has(self, place: Place) -> bool:
        """Whether the three words belong together."""
        return _places().get(place.tertiary) == place


def load() -> Wheel:
    """The wheel as the data file has it."""
    text = files("refrain_sidecar.enrichment").joinpath("wheel.json").read_text("utf-8")
    return Wheel(
        {
            primary: tuple(
                Secondary(name, primary, tuple(it["tertiaries"]), it["valence"], it["arousal"])
                for name, it in secondaries.items()
            )
            for primary, secondaries in json.loads(text)["wheel"].items()
        }
    )


WHEEL = load()


@functools.cache
def _by_name() -> dict[str, Secondary]:
    return {secondary.name: secondary for secondary in WHEEL.secondaries}


@functools.cache
def _places() -> dict[str, Place]:
    return {place.tertiary: place for place in WHEEL.places}


@functools.cache
def _primaries() -> dict[str, str]:
    return {word: primary for primary in WHEEL.primaries for word in WHEEL.words_of(primary)}
