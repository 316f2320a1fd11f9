"""What holds for all tests."""

import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

_HERE = Path(__file__).parent

# A property is tried on the same examples every time, and may take its time on a busy machine:
# what fails does so because of a change. `--hypothesis-profile=default` tries others.
settings.load_profile("ci")

# A shell has what it runs in the background ignore Ctrl-C, and so all that tests start; some are
# told by it to end.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the files that mostly wait evenly among those that mostly compute: run at once, the
    former would leave the processor idle and the latter fight for it. Units stay last."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    rooms = {path: path.relative_to(_HERE).parts[0] for path in files}
    waiting = [path for path, room in rooms.items() if room == "redis"]
    units = [path for path, room in rooms.items() if room == "unit"]
    computing = [path for path in files if path not in {*waiting, *units}]
    dealt = sorted(
        (at / len(same), path) for same in (waiting, computing) for at, path in enumerate(same)
    )
    items[:] = [item for path in (*(path for _, path in dealt), *units) for item in files[path]]


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Half characters, which some tests log, cannot go from one process of pytest to another."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(name): _sendable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_sendable(part) for part in value]
    if isinstance(value, tuple):
        return tuple(_sendable(part) for part in value)
    return value
