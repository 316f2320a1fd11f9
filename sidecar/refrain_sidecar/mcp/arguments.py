"""What each tool takes. The text beside a type is what a model reads before it fills it in."""

from __future__ import annotations

from typing import Annotated

from attrs import field, frozen

from refrain_cache.accounts.stats import StatsWindow

_Fresh = Annotated[bool, "Ask the model anew and replace the stored answer."]


@frozen
class Enrich:
    """Of `enrich`."""

    text: Annotated[str, "What somebody wrote, in their own words."]
    stage2: Annotated[bool, "Also write the poem lines, the tips and the closing line."] = True
    fresh: _Fresh = False
    image: Annotated[
        str | None,
        "A picture (PNG, JPEG, WebP) to describe first: a file below the working folder, or a "
        "`data:` URL. `text` is a question about it then, or empty.",
    ] = None


@frozen
class RunRecipe:
    """Of `run_recipe`."""

    recipe: Annotated[str, "The recipe's name, as `list_recipes` tells it."]
    text: Annotated[str | None, "The text to run it on."] = None
    file: Annotated[
        str | None,
        "A file below the working folder to run it on, or with `text` the file that it is from.",
    ] = None
    inputs: Annotated[dict[str, str], "What the recipe asks for, by name."] = field(factory=dict)
    fresh: _Fresh = False


@frozen
class Nothing:
    """Of `list_recipes`."""


@frozen
class Stats:
    """Of `stats`."""

    window: Annotated[StatsWindow, "Which lookups to count; a session is this server's."] = "all"


@frozen
class Explain:
    """Of `explain`."""

    text: Annotated[str | None, "A text, as `enrich` would look it up."] = None
    key: Annotated[str | None, "A stored answer's key, or its beginning."] = None


@frozen
class Purge:
    """Of `purge`: a selection, as `protocol.PurgeParams` has it, and whether it is meant."""

    everything: Annotated[bool, "Every answer there is."] = False
    expired: Annotated[bool, "Those past their time."] = False
    kind: Annotated[str | None, "Those of a kind, such as stage1_enrichment or recipe."] = None
    model: Annotated[str | None, "Those of a model."] = None
    older_than_s: Annotated[float | None, "Those made longer ago, in seconds."] = None
    least_used: Annotated[int | None, "So many, least used first."] = None
    key_prefix: Annotated[str | None, "Those whose keys begin so."] = None
    shared: Annotated[bool, "Those of the tier that machines share as well."] = False
    dry_run: Annotated[bool, "Only say how many would go."] = False
    confirm: Annotated[bool, "It is meant: for hosts that cannot ask their user."] = False
