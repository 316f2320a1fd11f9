"""Where recipes lie: in the workspace, in the user's folder, and the ones that are brought along.

A name in the workspace goes before the same in the user's folder, that before ours. Whether a
recipe may be run follows from where it lies, never from what it says.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import platformdirs
from attrs import field, frozen

from refrain_sidecar.config.check import Problem
from refrain_sidecar.config.located_json import Span
from refrain_sidecar.enrichment.errors import InputRefused
from refrain_sidecar.enrichment.recipes.definition import Definition
from refrain_sidecar.enrichment.recipes.reading import MOST_CHARS, RecipeReading, read_recipe

Origin = Literal["workspace", "user", "shipped"]
ENDING = ".recipe.md"
IN_WORKSPACE = Path(".refrain") / "recipes"
_SHIPPED = Path(__file__).parent / "shipped"
_MOST_BYTES = 4 * MOST_CHARS
_MOST_FILES = 1000
# A file's name on every system, and nothing that leads elsewhere.
_NAME = re.compile(r"(?!\.)[^/\\:*?\"<>|\x00-\x1f]{1,100}(?<![. ])")


@frozen
class Found:
    """A recipe's file, and what was read in it."""

    path: Path
    origin: Origin
    reading: RecipeReading

    @property
    def name(self) -> str:
        return self.reading.name


@frozen
class Folders:
    """`workspaces` are folders with a `.refrain/recipes`; without `trusted` they are not read."""

    workspaces: Sequence[Path] = ()
    trusted: bool = True
    user: Path = field(
        factory=lambda: Path(platformdirs.user_config_path("refrain", appauthor=False)) / "recipes"
    )

    def all(self) -> tuple[Found, ...]:
        """Every recipe, broken ones too, by name; of equal names the one that is run."""
        found: dict[str, Found] = {}
        for folder, origin in self._places():
            for path in _files(folder):
                name = path.name.removesuffix(ENDING)
                if name not in found:
                    found[name] = Found(path, origin, read_file(path, folder))
        return tuple(sorted(found.values(), key=lambda each: each.name.casefold()))

    def one(self, name: str) -> Definition:
        """The recipe `name`. Raises InputRefused when there is none or it is broken."""
        if not _NAME.fullmatch(name):
            raise InputRefused(f"{name[:100]!r} is no name of a recipe.")
        for folder, _ in self._places():
            path = folder / f"{name}{ENDING}"
            if os.path.lexists(path):
                return _sound(path, read_file(path, folder))
        if not self.trusted and any(
            os.path.lexists(root / IN_WORKSPACE / f"{name}{ENDING}") for root in self.workspaces
        ):
            raise InputRefused(
                f"The recipe {name!r} lies in a workspace that is not trusted, so it is neither "
                "read nor run. Trust the workspace, or copy the recipe into your own folder."
            )
        known = ", ".join(each.name for each in self.all())
        raise InputRefused(f"There is no recipe {name!r}. There are: {known}.")

    def stamp(self) -> frozenset[tuple[Path, int, int]]:
        """Differs whenever a recipe came, went or was written: each file's path, time and size."""
        found = set()
        for folder, _ in self._places():
            for path in _files(folder):
                with suppress(OSError):
                    at = path.stat()
                    found.add((path, at.st_mtime_ns, at.st_size))
        return frozenset(found)

    def new(self, name: str) -> Path:
        """A new recipe in the first workspace, else in the user's folder, to be written on.

        Raises InputRefused when the name is taken, is none, or the file cannot be made.
        """
        if not _NAME.fullmatch(name):
            raise InputRefused(
                f"{name[:100]!r} cannot be a file's name. Choose one of letters, digits and dashes."
            )
        in_workspace = self.workspaces and self.trusted
        folder = self.workspaces[0] / IN_WORKSPACE if in_workspace else self.user
        path = folder / f"{name}{ENDING}"
        text = (Path(__file__).parent / "new_recipe.md").read_text("utf-8")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise InputRefused(f"There is a recipe {name!r} already: {path}") from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise InputRefused(f"{path} cannot be written: {why}.") from error
        return path

    def _places(self) -> Iterator[tuple[Path, Origin]]:
        if self.trusted:
            for root in self.workspaces:
                yield root / IN_WORKSPACE, "workspace"
        yield self.user, "user"
        yield _SHIPPED, "shipped"


def folders_here() -> Folders:
    """The folders for a program: the nearest `.refrain/recipes` from its working folder upwards."""
    here = Path.cwd()
    roots = (at for at in (here, *here.parents) if (at / IN_WORKSPACE).is_dir())
    return Folders(tuple(itertools.islice(roots, 1)))


def read_file(path: Path, folder: Path) -> RecipeReading:
    """The recipe in `path`, which has to lie in `folder` itself. Never raises."""
    name = path.name.removesuffix(ENDING)
    try:
        text = _text(path, folder)
    except ValueError as error:
        return RecipeReading(name, None, (Problem("", str(error), Span(0, 0, 1)),))
    return _alone(name, text) or read_recipe(
        name, text, lambda beside: schema_beside(beside, folder)
    )


@lru_cache(maxsize=128)
def _alone(name: str, text: str) -> RecipeReading | None:
    """The recipe that `text` is; None where what it says lies in another file as well.

    Kept, as reading one takes fifty times as long as giving a stored answer.
    """
    named: list[str] = []

    def beside(file: str) -> Any:
        named.append(file)
        raise ValueError(file)

    reading = read_recipe(name, text, beside)
    return None if named else reading


def schema_beside(name: str, folder: Path) -> Any:
    """The JSON in the file `name` of `folder`. Raises ValueError saying why it cannot be had."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is not the name of a file beside the recipe")
    try:
        return json.loads(_text(folder / name, folder))
    except RecursionError:
        raise ValueError(f"{name} is nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not valid JSON: {error}") from None


def _sound(path: Path, reading: RecipeReading) -> Definition:
    if reading.definition is None:
        problems = "\n".join(problem.at(str(path)) for problem in reading.problems)
        raise InputRefused(f"The recipe {reading.name!r} cannot be run:\n{problems}")
    return reading.definition


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as there:
            named = [folder / each.name for each in there if each.name.endswith(ENDING)]
    except OSError:
        return []
    return sorted(path for path in named if _NAME.fullmatch(path.name))[:_MOST_FILES]


def _text(path: Path, folder: Path) -> str:
    """The text of a plain file that lies in `folder`. Raises ValueError saying why not."""
    try:
        # A link may lead anywhere, and a pipe be waited at for ever.
        if path.resolve().parent != folder.resolve():
            raise ValueError(f"{path.name} leads out of its folder, so it is not read")
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{path.name} is not a file")
            held = file.read(_MOST_BYTES + 1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ValueError(f"{path.name} cannot be read: {why}") from None
    if len(held) > _MOST_BYTES:
        raise ValueError(f"{path.name} is longer than {_MOST_BYTES:,} bytes")
    try:
        return held.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not text in UTF-8 ({error.reason})") from None
