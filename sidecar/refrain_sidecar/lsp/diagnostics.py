"""What is wrong with the saved perf_config.json, as diagnostics on its lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from refrain_sidecar.config import Problem

SOURCE = "refrain"


def diagnostics(path: Path, problems: Iterable[Problem]) -> types.PublishDiagnosticsParams:
    """One diagnostic a problem; an empty list takes earlier ones away."""
    uri = from_fs_path(str(path))
    if uri is None:
        raise ValueError(f"{path} has no URI: the configuration's path must be absolute.")
    return types.PublishDiagnosticsParams(
        uri=uri,
        diagnostics=[
            types.Diagnostic(
                range=types.Range(
                    types.Position(problem.span.line, problem.span.column),
                    types.Position(problem.span.line, problem.span.end_column),
                ),
                message=f"{problem.message}. The last good configuration stays in force.",
                severity=types.DiagnosticSeverity.Error,
                source=SOURCE,
                code=problem.key or None,
            )
            for problem in problems
        ],
    )
