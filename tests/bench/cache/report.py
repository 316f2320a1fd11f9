"""What a section found: a table for people, bars that hold or do not, notes, and the figures."""

from __future__ import annotations

import operator
from typing import Any

from attrs import field, frozen
from rich import box
from rich.console import Console
from rich.table import Table


@frozen
class Bar:
    """A claim about one figure: `value` is to be `at` ("≤", "≥", "<" or ">") `limit`."""

    claim: str
    value: float
    at: str
    limit: float

    @property
    def holds(self) -> bool:
        return bool(_COMPARE[self.at](self.value, self.limit))


_COMPARE = {"≤": operator.le, "≥": operator.ge, "<": operator.lt, ">": operator.gt}


@frozen
class Section:
    """One table. The first heading names the row; `figures` go into the JSON line as they are."""

    name: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bars: tuple[Bar, ...]
    figures: dict[str, Any]
    notes: tuple[str, ...] = field(default=())

    def print_on(self, console: Console) -> None:
        table = Table(box=box.SIMPLE_HEAD, title=self.title, title_justify="left")
        for at, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if at else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", style="dim")
        for bar in self.bars:
            console.print(
                f"  {'[green]holds[/]' if bar.holds else '[red]missed[/]'}  {bar.claim}: "
                f"{bar.value:.2f} (bar {bar.at} {bar.limit:g})"
            )
        console.print()

    def as_json(self) -> dict[str, Any]:
        bars = [
            {
                "claim": b.claim,
                "value": round(b.value, 3),
                "bar": f"{b.at} {b.limit:g}",
                "holds": b.holds,
            }
            for b in self.bars
        ]
        return {"figures": self.figures, "bars": bars}
