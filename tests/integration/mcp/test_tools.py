"""The tools, as the SDK's own client calls them; it checks each answer against its schema."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError
from tests.integration.mcp.conftest import ERAS, Connect, Era, text_of

from refrain_sidecar import protocol

# A PNG of one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
TEXT = "The sky over the harbour was red."


@pytest.mark.parametrize("era", ERAS)
async def test_a_recipe_runs_once_and_is_then_answered_from_the_cache(
    connect: Connect, era: Era
) -> None:
    told: list[str] = []

    async def hear(_: float, __: float | None, message: str | None) -> None:
        told.append(message or "")

    async with connect(era) as client:
        asked = {"recipe": "summarise", "text": "The cat sat on the mat. It was happy."}
        first = await client.call_tool("run_recipe", asked, progress_callback=hear)
        again = await client.call_tool("run_recipe", asked)
        recipes = await client.call_tool("list_recipes", {})
        stats = await client.call_tool("stats", {"window": "session"})
        explained = await client.call_tool("explain", {"key": first.structured_content["key"]})

    assert not first.is_error
    assert "".join(told).strip() == text_of(first) == first.structured_content["output"]
    assert again.structured_content["outcome"] == "hit"
    assert text_of(again) == text_of(first)
    assert again.structured_content["savedMs"] > 0
    mine = next(r for r in recipes.structured_content["recipes"] if r["name"] == "summarise")
    assert (mine["origin"], mine["entries"]) == ("shipped", 1)
    assert json.loads(text_of(recipes)) == recipes.structured_content
    assert stats.structured_content["hitsMemory"] == 1
    assert stats.structured_content["engine"]["model"] == "smollm2:135m"
    assert explained.structured_content["wouldHit"] is True
    assert text_of(explained) == explained.structured_content["summary"]


async def test_an_enrichment_is_told_while_it_is_made_and_kept(connect: Connect) -> None:
    told: list[str] = []

    async def hear(_: float, __: float | None, message: str | None) -> None:
        told.append(message or "")

    async with connect() as client:
        first = await client.call_tool("enrich", {"text": TEXT}, progress_callback=hear)
        again = await client.call_tool("enrich", {"text": TEXT})
        alone = await client.call_tool("enrich", {"text": TEXT, "stage2": False})
        explained = await client.call_tool("explain", {"text": TEXT})

    written = first.structured_content["postEnrichment"]
    assert told[0] == "Naming the feeling…"
    assert set(written["poem"] + written["tips"] + [written["closing"]]) <= set(told)
    assert json.loads(text_of(first)) == first.structured_content
    assert {stage["outcome"] for stage in again.structured_content["stages"]} == {"hit"}
    assert again.structured_content["wheel"] == first.structured_content["wheel"]
    assert alone.structured_content["postEnrichment"] is None
    assert explained.structured_content["cause"] == "stored"


async def test_the_embedded_engine_answers_where_there_is_no_ollama(
    folder: Path, connect: Connect
) -> None:
    config = folder / "config" / "perf_config.json"
    sections = json.loads(config.read_text())
    sections["inference"]["engine"] = "embedded"
    config.write_text(json.dumps(sections))
    async with connect() as client:
        asked = {"recipe": "colour", "text": TEXT}
        first = await client.call_tool("run_recipe", asked)
        again = await client.call_tool("run_recipe", asked)
    assert first.structured_content["engine"]["name"] == "embedded"
    assert again.structured_content["outcome"] == "hit"


async def test_tools_say_what_they_do_to_the_cache(connect: Connect) -> None:
    async with connect() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"enrich", "run_recipe", "list_recipes", "stats", "explain", "purge"}
    hints = {name: tool.annotations for name, tool in tools.items()}
    assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == {
        "list_recipes",
        "stats",
        "explain",
    }
    assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {"purge"}
    assert all(hint and hint.open_world_hint is False for hint in hints.values())
    for tool in tools.values():
        described = tool.input_schema["properties"].values()
        assert all(one["description"] for one in described), tool.name


async def test_a_file_is_read_below_the_working_folder_only(
    connect: Connect, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.txt"
    outside.write_text("The key is green.")
    (folder / "link.txt").symlink_to(outside)
    (folder / "notes.txt").write_text(TEXT)
    (folder / "blob.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "long.txt").write_text("a" * 400_001)

    async with connect() as client:

        async def run(file: str) -> tuple[bool, str]:
            result = await client.call_tool("run_recipe", {"recipe": "colour", "file": file})
            return result.is_error, text_of(result)

        assert not (await run("notes.txt"))[0]
        for file, why in {
            str(outside): "lies outside of",
            "link.txt": "lies outside of",
            "../x": "lies outside of",
            "config": "is no file",
            "absent.txt": "is no file",
            "blob.txt": "is not text in UTF-8",
            "long.txt": "is longer than",
            "nul\0.txt": "cannot be read",
        }.items():
            wrong, said = await run(file)
            assert wrong
            assert why in said


async def test_a_picture_is_looked_at_below_the_working_folder_only(
    connect: Connect, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "a.png"
    for path in (outside, folder / "a.png"):
        path.write_bytes(base64.b64decode(PIXEL))
    async with connect() as client:
        for image, why in {
            str(outside): "lies outside of",
            "b.png": "is no file",
            # As far as the model, which is none that sees.
            "a.png": "sees no pictures",
            f"data:image/png;base64,{PIXEL}": "sees no pictures",
        }.items():
            result = await client.call_tool("enrich", {"text": "", "image": image})
            assert result.is_error
            assert why in text_of(result)


@pytest.mark.parametrize("era", ERAS)
async def test_what_a_model_can_mend_is_told_to_it(connect: Connect, era: Era) -> None:
    async with connect(era) as client:
        for tool, arguments, said in (
            ("run_recipe", {"recipe": "absent"}, "There is no recipe 'absent'. There are: colour"),
            ("run_recipe", {"recipe": "colour"}, "there is no text"),
            ("run_recipe", {}, "missing key 'recipe'"),
            ("run_recipe", {"recipe": "colour", "texts": "a"}, "unknown key 'texts'"),
            ("run_recipe", {"recipe": 5, "text": "a"}, "recipe: expected a string"),
            ("enrich", {"text": " "}, "no text to enrich"),
            ("enrich", {"text": "a", "stage2": "yes"}, "stage2: expected a boolean"),
            ("explain", {"key": "xyz"}, "xyz"),
            ("stats", {"window": "year"}, "expected one of session, hour, day, all"),
            ("purge", {}, "Nothing was said about what to purge"),
            ("purge", {"leastUsed": 0}, "must be >= 1"),
        ):
            result = await client.call_tool(tool, arguments)
            assert result.is_error, arguments
            assert said in text_of(result)


@pytest.mark.parametrize("era", ERAS)
async def test_what_no_model_can_mend_is_an_error_of_the_protocol(
    connect: Connect, folder: Path, era: Era
) -> None:
    config = folder / "config" / "perf_config.json"
    sections = json.loads(config.read_text())
    # A port that nobody listens on.
    sections["inference"].update(engine="ollama", base_url="http://127.0.0.1:9")
    config.write_text(json.dumps(sections))
    async with connect(era) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("run_recipe", {"recipe": "colour", "text": "a"})
        assert caught.value.code == protocol.ENGINE_ERROR
        assert "127.0.0.1:9" in caught.value.message
        with pytest.raises(MCPError, match="There is no tool 'absent'") as caught:
            await client.call_tool("absent", {})
        assert caught.value.code == -32602
