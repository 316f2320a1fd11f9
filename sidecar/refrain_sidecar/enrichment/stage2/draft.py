"""A page of Stage 2 while it is written: which lines are good, and which are still open. Pure.

A model writes the whole page at once, and now and then a line that will not do. Of such lines the
places stay open, the others are kept; what is written next may fill them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from refrain_sidecar.enrichment import schemas
from refrain_sidecar.enrichment.results import PostEnrichment
from refrain_sidecar.enrichment.stage2.writing import (
    TooLong,
    check_closing,
    check_line,
    check_tip,
    cut,
    tidy,
)

# The places of a page, and the longest each line may be.
CHARS = (*[schemas.LINE_CHARS] * 3, *[schemas.TIP_CHARS] * 3, schemas.CLOSING_CHARS)
BLOCKS = {"poem": range(3), "tips": range(3, 6), "closing": range(6, 7)}
_CLOSING = BLOCKS["closing"].start
_HEADING = re.compile(r"\W*(poem|tips|closing)\b\W*", re.IGNORECASE)
_NUMBER = re.compile(r"\A\s*(\d+\s*[.):]?|[a-d]\s*[.):])\s+")


class Draft:
    """Seven places for lines. `told` hears of each line as it is kept.

    `shown` are lines the model has seen: copied, they are taken only if nothing better comes.
    """

    def __init__(
        self, shown: Collection[str], told: Callable[[int, str], None] = lambda at, line: None
    ) -> None:
        self.lines: list[str | None] = [None] * len(CHARS)
        self.fault = ""
        self._shown = shown
        self._told = told
        self._poor: list[tuple[range, str]] = []
        self._block = BLOCKS["poem"]

    @property
    def open(self) -> int | None:
        """The first place without a line."""
        return self._first_open(range(len(CHARS)))

    @property
    def before(self) -> list[str]:
        """The lines up to the first open place."""
        return [line for line in self.lines[: self.open] if line is not None]

    def begin(self, at: int) -> None:
        """What is read next was written for place `at`."""
        self._block = block_of(at)

    def read(self, line: str) -> bool:
        """Take a whole line of the model's. False once what was open where it began is filled."""
        heading = _HEADING.match(line)
        if heading is not None:
            name = heading.group(1).lower()
            line = line[heading.end() :]
            self._block = BLOCKS[name]
        elif self._block.start == _CLOSING and self.lines[_CLOSING] is not None:
            return False
        text = _NUMBER.sub("", line, count=1)
        if text.strip():
            self._offer(text)
        return True

    def settle(self, of: range | None = None) -> None:
        """Fill what is open, in one block or in all, with what was refused only for being poor."""
        for block, line in self._poor:
            at = self._first_open(block) if of in (None, block) else None
            # Like another one it may be, but not the same.
            if at is not None and unended(line).lower() not in map(
                str.lower, map(unended, self._kept)
            ):
                self._keep(at, line)

    def written(self, tone: str) -> PostEnrichment:
        """The page, when nothing is open."""
        lines = [line for line in self.lines if line is not None]
        *poem, last = lines[:3]
        *tips, closing = lines[3:]
        poem.append(unended(last))
        return PostEnrichment(poem=poem, tips=tips, closing=closing, tone=tone)

    @property
    def _kept(self) -> set[str]:
        return {line for line in self.lines if line is not None}

    def _offer(self, text: str) -> None:
        at = self._first_open(self._block)
        if at is None:
            return
        too_long: TooLong | None = None
        try:
            try:
                line = tidy(cut(text, CHARS[at]))
            except TooLong as error:
                line, too_long = tidy(error.shortened), error
            if self._block is not BLOCKS["poem"]:
                line = unended(line)
            check_line(unended(line), self._kept)
        except ValueError as error:
            self.fault = str(error)
            return
        try:
            if too_long is not None:
                raise too_long
            check_line(line, self._shown)
            if self._block is BLOCKS["tips"]:
                check_tip(line)
            elif self._block is BLOCKS["closing"]:
                check_closing(line)
        except ValueError as error:
            self.fault = str(error)
            self._poor.append((self._block, line))
            return
        self._keep(at, line)

    def _first_open(self, block: range) -> int | None:
        return next((at for at in block if self.lines[at] is None), None)

    def _keep(self, at: int, line: str) -> None:
        self.lines[at] = line
        self._told(at, line)


def block_of(at: int) -> range:
    """The places of the block that `at` belongs to."""
    return next(block for block in BLOCKS.values() if at in block)


def unended(line: str) -> str:
    """`line` without a mark that something follows."""
    return line.rstrip(",;:—– ")
