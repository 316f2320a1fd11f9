"""What is wrong with a file, as diagnostics on its lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from refrain_sidecar.config import Problem

SOURCE = "refrain"


def of_config(path: Path, problems: Iterable[Problem]) -> types.PublishDiagnosticsParams:
    """One diagnostic a problem of the saved perf_config.json; an empty list takes earlier ones
    away.
    """
    uri = from_fs_path(str(path))
    if uri is None:
        raise ValueError(f"{path} has no URI: the configuration's path must be absolute.")
    return types.PublishDiagnosticsParams(uri, [_of_config(problem) for problem in problems])


def _of_config(problem: Problem) -> types.Diagnostic:
    at = problem.span
    place = types.Range(types.Position(at.line, at.column), types.Position(at.line, at.end_column))
    message = f"{problem.message}. The last good configuration stays in force."
    return diagnostic(message, problem.key, place, types.DiagnosticSeverity.Error)


def diagnostic(
    message: str, key: str, place: types.Range, severity: types.DiagnosticSeverity
) -> types.Diagnostic:
    """What is wrong at a place; `key` names the setting, or is empty."""
    return types.Diagnostic(place, message, severity, code=key or None, source=SOURCE)
