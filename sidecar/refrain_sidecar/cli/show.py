"""Results as tables and sentences for a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from refrain_sidecar import protocol as p

if TYPE_CHECKING:
    from refrain_cache import EntryPage, Explanation, KindStats, Percentiles, Transferred, Verified
    from refrain_sidecar.cpu import Calibration
    from refrain_sidecar.queue.state import QueueState

_OUTCOME_STYLE = {
    "hit": "bold green",
    "coalesced": "green",
    "miss": "yellow",
    "bypass": "red",
    "refused": "red",
}
_CHECK_MARK = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def size(count: float) -> str:
    """Bytes for people: `812 B`, `1.2 KiB`, `34.0 MiB`."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def duration(ms: float | None) -> str:
    """Milliseconds for people: `0.08 ms`, `43 ms`, `2.1 s`, `1 min 38 s`, `2 h 5 min`."""
    if ms is None:
        return "–"
    if ms < 10:
        return f"{ms:.2f} ms"
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 90_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def amount(entries: int, size_bytes: int) -> str:
    """`12 entries (14.1 KiB)`."""
    return f"{entries:,} {'entry' if entries == 1 else 'entries'} ({size(size_bytes)})"


def rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def progress(console: Console) -> Progress:
    """A progress bar that draws on `console` only when that is a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def counting(console: Console, title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for as long as the context lasts; gives what moves it: how many of how many."""
    with progress(console) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def outcome(stage: p.StageReport | p.RunResult) -> Text:
    """`HIT (memory)`, `HIT (disk, engine offline)`, `MISS (never seen)`."""
    detail = ", ".join(filter(None, (stage.tier, stage.reason)))
    text = Text(stage.outcome.upper(), style=_OUTCOME_STYLE[stage.outcome])
    return text.append(f" ({detail})", style="dim") if detail else text


def enrichment(result: p.EnrichResult) -> RenderableType:
    wheel = result.wheel
    feeling = Text.assemble(
        (wheel.primary, "bold"), " › ", (wheel.secondary, "bold"), " › ", (wheel.tertiary, "bold")
    )
    feeling.append(f"   confidence {result.confidence:.0%}", style="dim")
    if result.low_confidence:
        feeling.append("  (a guess)", style="yellow")
    facts = Table.grid(padding=(0, 2))
    for name, words in (
        ("invoked", result.invoked),
        ("expressed", result.expressed),
        ("events", result.events),
        ("warnings", result.warnings),
    ):
        if words:
            facts.add_row(Text(name, style="dim"), escape(", ".join(words)))
    parts: list[RenderableType] = [feeling, facts]
    if result.description is not None:
        parts = [Text(result.description), "", *parts]
    if written := result.post_enrichment:
        lines = [Text(line, style="italic") for line in written.poem]
        tips = [Text(f"• {tip}") for tip in written.tips]
        parts += ["", *(Padding(line, (0, 0, 0, 2)) for line in lines), "", *tips, written.closing]
    parts += ["", stage_table(result)]
    return Group(*parts)


def stage_table(result: p.EnrichResult) -> Table:
    table = Table("stage", "outcome", box=box.SIMPLE, pad_edge=False)
    for heading in ("time", "saved"):
        table.add_column(heading, justify="right")
    table.add_column("engine")
    engine = f"{result.engine.name} · {result.engine.model}"
    for stage in result.stages:
        saved = duration(stage.saved_ms) if stage.saved_ms else "–"
        table.add_row(
            str(stage.stage or "picture"),
            outcome(stage),
            duration(stage.total_ms),
            saved,
            escape(engine),
        )
    return table


def statistics(stats: p.StatsResult) -> RenderableType:
    """Two tables of 80 columns at most; the summary last, next to the prompt in a low terminal."""
    tables = [_latencies(stats), _held(stats)] if stats.kinds else []
    return Group(*tables, *_notes(stats), _state_line(stats))


def _held(stats: p.StatsResult) -> Table:
    hits = stats.hits_memory + stats.hits_disk + stats.hits_shared
    total = _held_row("all kinds", hits, stats)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=len(stats.kinds) > 1)
    for heading, footer in zip(
        ("kind", "entries", "size", "hits", "misses", "hit rate", "saved"), total, strict=True
    ):
        justify: Literal["left", "right"] = "left" if heading == "kind" else "right"
        table.add_column(heading, footer, justify=justify, no_wrap=True)
    for kind in stats.kinds:
        table.add_row(*_held_row(kind.kind, kind.hits, kind))
    return table


def _held_row(name: str, hits: int, row: p.StatsResult | KindStats) -> list[str]:
    return [
        name,
        f"{row.entries:,}",
        size(row.bytes),
        f"{hits:,}",
        f"{row.misses:,}",
        rate(row.hit_rate),
        duration(row.saved_ms),
    ]


def _latencies(stats: p.StatsResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("latency", no_wrap=True)
    for heading in ("hit p50", "p95", "p99", "miss p50", "p95", "p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for kind in stats.kinds:
        table.add_row(kind.kind, *_percentiles(kind.hit_ms), *_percentiles(kind.miss_ms))
    return table


def _state_line(stats: p.StatsResult) -> Text:
    style = {"on": "green", "off": "yellow", "bypass": "red"}[stats.state.mode]
    line = Text.assemble("Cache ", (stats.state.mode, f"bold {style}"))
    if stats.state.reason:
        line.append(f": {stats.state.reason}")
    if stats.state.path:
        line.append(f"  {stats.state.path}", style="dim")
    if shared := stats.state.shared:
        line.append("\nShared tier ")
        line.append("on" if shared.reason is None else f"left out: {shared.reason}", "bold")
        line.append(f"  {shared.url}", style="dim")
    line.append(
        f"\n{amount(stats.entries, stats.bytes)} of at most {size(stats.max_bytes)} · "
        f"{stats.lookups:,} lookups ({_WINDOWS[stats.window]}) · hit rate {rate(stats.hit_rate)}"
        f" · saved {duration(stats.saved_ms)}"
    )
    return line


_WINDOWS = {
    "session": "this session",
    "hour": "last hour",
    "day": "last 24 hours",
    "all": "all time",
}


def _notes(stats: p.StatsResult) -> list[Text]:
    notes = []
    if stats.miss_causes:
        causes = ", ".join(f"{cause} {n:,}" for cause, n in sorted(stats.miss_causes.items()))
        notes.append(Text(f"Misses: {causes}", style="dim"))
    if stats.state.shared or stats.hits_shared:
        tiers = f"memory {stats.hits_memory:,} · disk {stats.hits_disk:,}"
        notes.append(Text(f"Hits: {tiers} · shared {stats.hits_shared:,}", style="dim"))
    if stats.refused_shared:
        notes.append(Text(f"Shared values refused: {stats.refused_shared:,}", style="yellow"))
    if stats.coalesced or stats.bypassed or stats.refused:
        rest = f"{stats.coalesced:,} · bypassed {stats.bypassed:,} · refused {stats.refused:,}"
        notes.append(Text(f"coalesced {rest}", style="dim"))
    return notes


def _percentiles(values: Percentiles | None) -> list[str]:
    if values is None:
        return ["–", "–", "–"]
    return [duration(values.p50), duration(values.p95), duration(values.p99)]


def entry_table(result: EntryPage) -> RenderableType:
    """Two lines an entry, which fit into eighty columns with every name whole."""
    if not result.entries:
        return Text("No entries.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("entry", overflow="fold")
    for heading in ("size", "uses", "cost", "saved", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    now = time.time()
    for entry in result.entries:
        made = f"\n{entry.key[:8]}  {entry.kind}  {entry.model}"
        table.add_row(
            Text.assemble(entry.label or "(no label)", (made, "dim")),
            size(entry.bytes),
            f"{entry.uses:,}",
            duration(entry.cost_ms),
            duration(entry.saved_ms) if entry.saved_ms else "–",
            age(now - entry.created_at),
        )
    return Group(table, Text(f"{len(result.entries):,} of {result.total:,} entries", style="dim"))


def models(result: p.ModelsResult) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "model", "engine"):
        table.add_column(heading)
    table.add_column("size", justify="right", no_wrap=True)
    for heading in ("state", "digest"):
        table.add_column(heading, no_wrap=True)
    for offer in result.models:
        state = "loaded" if offer.loaded else "" if offer.installed else "not fetched"
        table.add_row(
            "[green]▶[/]" if offer.in_use else "",
            escape(offer.name),
            offer.engine,
            size(offer.bytes),
            state,
            Text(offer.digest[:12], style="dim"),
        )
    notes = [Text(f"Chosen: {result.chosen}")]
    if result.problem:
        notes.append(Text(result.problem, style="yellow"))
    return Group(table, *notes)


def model_choice(result: p.ModelsResult) -> RenderableType:
    answering = [offer.name for offer in result.models if offer.in_use]
    now = f"{answering[0]} would answer now." if answering else "Nothing would answer now."
    where = f"Written to {result.written}." if result.written else "It was so already."
    return Text(f"Chosen: {result.chosen}. {now} {where}")


def age(seconds: float) -> str:
    """Seconds for people: `3 d`, `5 h`, `12 min`, `8 s`."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def explanation(result: Explanation) -> RenderableType:
    verdict = "[green]HIT[/]" if result.would_hit else "[yellow]MISS[/]"
    parts: list[RenderableType] = [Text.from_markup(f"{verdict} {escape(result.summary)}")]
    if result.key:
        parts.append(Text(f"key {result.key}", style="dim"))
    if result.differences:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
        for heading in ("ingredient", "stored", "now"):
            table.add_column(heading, overflow="fold")
        for d in result.differences:
            table.add_row(escape(d.ingredient), escape(d.stored), escape(d.now))
        parts += [Text(f"Nearest stored relative: {(result.nearest or '')[:12]}"), table]
    return Group(*parts)


def purged(result: p.PurgeResult) -> Text:
    verb = "Would purge" if result.dry_run else "Purged"
    return Text(f"{verb} {purging(result)}.")


def purging(result: p.PurgeResult) -> str:
    """`12 entries (14.1 KiB)`, and how many of the shared tier where some are."""
    here = amount(result.entries, result.bytes)
    return f"{here}, and {result.shared:,} in the shared tier" if result.shared else here


def exported(done: Transferred) -> RenderableType:
    """One line; the file's size beside what is in it. What was damaged is named."""
    text = Text(f"Exported {amount(done.entries, done.path.stat().st_size)} to {done.path}.")
    if done.expired:
        text.append(f"\nLeft out, as expired: {done.expired:,}.", style="dim")
    return Group(text, *_failures(done.rejected))


def imported(done: Transferred) -> RenderableType:
    """How many entries of the export were taken and why the others were not, each refusal named."""
    counts = Table.grid(padding=(0, 2))
    counts.add_column(style="dim")
    counts.add_column(justify="right")
    for name, count in (
        ("taken", done.entries),
        ("here already", done.here),
        ("expired", done.expired),
        ("refused", done.refused),
    ):
        counts.add_row(name, f"{count:,}")
    return Group(counts, *_failures(done.rejected))


def _failures(told: Iterable[object]) -> list[Text]:
    return [Text(f"  {one}", style="red") for one in told]


def verified(found: Verified) -> RenderableType:
    """A line when all is well, else each entry and each fault of the file that is not."""
    checked = f"{found.checked:,} {'entry' if found.checked == 1 else 'entries'} checked"
    if found.clean:
        return Text.assemble(f"{checked}: ", ("all match", "green"), ", and the file is whole.")
    parts: list[RenderableType] = [
        Text.assemble(f"{checked}: ", (f"{len(found.damaged):,} do not match", "red"), ".")
    ]
    if found.damaged:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("key", no_wrap=True)
        table.add_column("what is wrong", overflow="fold")
        for key, problem in found.damaged.items():
            table.add_row(key[:12], escape(problem))
        advice = "Such an entry is never given out: asked for, it is computed anew and replaced."
        parts += [table, Text(advice, style="dim")]
    parts += [Text(f"The file: {problem}", style="red") for problem in found.integrity]
    return Group(*parts)


def warmed(result: p.WarmResult) -> RenderableType:
    summary = (
        f"Warmed {result.requested:,}: {result.computed:,} computed, "
        f"{result.already_cached:,} already cached, {result.failed:,} failed "
        f"in {duration(result.total_ms)}."
    )
    return Group(Text(summary), *_failures(result.errors))


def cpu(result: p.CpuThreadsResult) -> RenderableType:
    cores = f"{result.physical} physical, {result.logical} logical"
    if result.efficiency_cores:
        cores += f" ({result.performance_cores} performance, {result.efficiency_cores} efficiency)"
    limit = "none" if result.container_cpus is None else f"{result.container_cpus:g} CPUs"
    configured = "auto" if result.configured is None else str(result.configured)
    rows: dict[str, str | Text] = {
        "processor": result.cpu_model,
        "cores": cores,
        "usable here": f"{result.affinity} logical; container limit: {limit}",
        "load": f"{result.load_percent:.0f} %",
        "configured": f"inference.num_threads = {configured}",
        "measured": _measured(result.calibration),
        "in force": threads(result.in_force),
        "advised": f"{threads(result.advised)}. {result.reason}",
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), Text("").append(value))
    return table


def _measured(kept: p.KeptCalibration | None) -> Text:
    if kept is None:
        return Text("not yet: run `refrain cpu --calibrate`")
    day = time.strftime("%Y-%m-%d", time.localtime(kept.measured_at))
    text = Text(f"{threads(kept.threads)} fastest, with {kept.engine} · {kept.model} on {day}")
    if kept.doubt is not None:
        text.append(f"\nnot gone by: {kept.doubt}", style="yellow")
    return text


def threads(count: int) -> str:
    """`1 thread`, `6 threads`."""
    return f"{count} {'thread' if count == 1 else 'threads'}"


def calibration(measured: Calibration) -> RenderableType:
    """Tokens a second for each number of threads that was measured; the best one marked."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=measured.model, title_justify="left")
    for heading in ("threads", "tokens/s"):
        table.add_column(heading, justify="right")
    for count, rate_per_s in sorted(measured.tokens_per_s.items()):
        style = "bold green" if count == measured.best else None
        table.add_row(str(count), f"{rate_per_s:.1f}", style=style)
    return table


def checks(result: p.DoctorResult) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for check in result.checks:
        table.add_row(_CHECK_MARK[check.status], Text(check.name, style="bold"), check.message)
        if check.fix:
            table.add_row("", "", Text(check.fix, style="yellow"))
    return table


def jobs(count: int) -> str:
    """`1 job`, `6 jobs`."""
    return f"{count:,} {'job' if count == 1 else 'jobs'}"


def queue(state: QueueState) -> RenderableType:
    parts: list[RenderableType] = [
        f"{state.waiting:,} waiting, {len(state.running):,} running, {state.done:,} done, "
        f"{state.dead:,} dead, at {state.server}"
    ]
    now = time.time()
    if state.running:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("running", "by", "for", "try"):
            table.add_column(heading)
        for one in state.running:
            age = duration(max(0.0, now - one.since) * 1000)
            table.add_row(one.id[:12], escape(one.who), age, str(one.attempt))
        parts.append(table)
    if state.letters:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("dead", "tries", "ago"):
            table.add_column(heading)
        table.add_column("why", overflow="fold")
        for letter in state.letters:
            age = duration(max(0.0, now - letter.at) * 1000)
            table.add_row(letter.id[:12], str(letter.attempts), age, escape(letter.reason))
        parts.append(table)
        if state.dead > len(state.letters):
            parts.append(Text(f"The latest {len(state.letters)} of {state.dead:,}.", style="dim"))
    if state.warning:
        parts.append(Text(state.warning, style="yellow"))
    return Group(*parts)
