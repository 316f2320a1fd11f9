"""Fit the readouts of the embedded model's family, and write them into the package.

    pip install scikit-learn && python -m tests.bench.fit_readout

Only the tuning sets are used; the held-out and the unseen set are never looked at. Needed again
when the prompt, the wheel, the lexicon or the model change. scikit-learn is not a dependency of the
project: nobody else needs it. Takes some ten minutes; prints cross-validated figures, the last line
as JSON.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from attrs import frozen
from rich.progress import track
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment import prompts
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.results import Way
from refrain_sidecar.enrichment.stage1.evidence import Logprobs
from refrain_sidecar.enrichment.stage1.naming import WORDS
from refrain_sidecar.enrichment.stage1.reading import defused
from refrain_sidecar.enrichment.stage1.readout import LEAST, centred, file_name
from refrain_sidecar.enrichment.wheel import WHEEL
from refrain_sidecar.inference.choose import EngineChooser

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "sidecar" / "refrain_sidecar" / "enrichment" / "stage1" / "readouts"
TUNING = ("emotion_tuning", "emotion_dev", "emotion_written")
# Strength of the prior that all weights are 0, by way: best of several by cross-validation.
C = {"logprobs": 0.004, "top_logprobs": 0.05}
# A token seen in fewer texts tells nothing that would carry over to others.
LEAST_SEEN = 3
FOLDS = 5

Heard = list[list[Logprobs]]


@frozen
class Fitted:
    """One readout as its file has it, and how often it was right on texts it was not fitted to."""

    data: dict[str, object]
    accuracy: float


async def observe(rows: Sequence[dict[str, str]]) -> tuple[str, dict[Way, Heard]]:
    """The model's family, and for each way, row and beginning what was heard."""
    settings = Settings(
        inference=InferenceSettings(engine="embedded"), caching=CacheSettings(enabled=False)
    )
    chooser = EngineChooser(settings, threads_in_force(settings))
    heard: dict[Way, Heard] = {"logprobs": [], "top_logprobs": []}
    try:
        engine = await chooser.engine()
        asking = Asking(chooser, settings)
        for row in track(rows, description="Listening"):
            text = defused(row["text"])
            for way, tokens in (("logprobs", WORDS), ("top_logprobs", ())):
                beginnings = prompts.score_messages(text, None, every_word=bool(tokens))
                heard[way].append(
                    [await asking.next_token(engine, it, tokens=tokens) for it in beginnings]
                )
        return (await asking.abilities(engine)).family, heard
    finally:
        await chooser.close()


def usual_of(texts: Sequence[Logprobs], tokens: Sequence[str]) -> dict[str, float]:
    """Each token's mean log-probability; out of sight it has the least in sight."""
    return {
        token: float(np.mean([max(it.get(token, min(it.values())), LEAST) for it in texts]))
        for token in tokens
    }


def seen_often(texts: Sequence[Logprobs]) -> list[str]:
    """The tokens worth a weight. Words that begin with the same token are one: the first."""
    counts: dict[str, int] = {}
    for one in texts:
        for token in one:
            counts[token] = counts.get(token, 0) + 1
    often = [token for token, count in counts.items() if count >= LEAST_SEEN]
    first = {tuple(one.get(token) for one in texts): token for token in reversed(often)}
    distinct = set(first.values())
    return [token for token in often if token in distinct]


def fit(way: Way, rows: Sequence[dict[str, str]], heard: Heard) -> Fitted:
    """Logistic regression on the evidence of all tokens after all beginnings."""
    columns = list(zip(*heard, strict=True))
    tokens = [seen_often(texts) for texts in columns]
    usual = [usual_of(texts, known) for texts, known in zip(columns, tokens, strict=True)]
    parts = []
    for texts, known, usually in zip(columns, tokens, usual, strict=True):
        lifted = (centred(it, usually) for it in texts)
        parts.append(np.array([[lift[token] for token in known] for lift in lifted]))
    seen = np.concatenate(parts, axis=1)
    labels = np.array([WHEEL.primaries.index(row["label"]) for row in rows])
    model = LogisticRegression(C=C[way], max_iter=300, tol=1e-3)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=1)
    unseen = cross_val_predict(model, seen, labels, cv=folds, method="decision_function")

    # Honest about plain sentences: of the written ones most name no feeling on purpose.
    plain = np.array(["written" not in row["from"] for row in rows])

    def loss(temperature: float) -> float:
        scaled = unseen / temperature
        scaled = scaled - scaled.max(1, keepdims=True)
        shares = scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
        return float(-shares[np.arange(len(labels)), labels][plain].mean())

    temperature = float(minimize_scalar(loss, bounds=(0.1, 10.0), method="bounded").x)
    model.fit(seen, labels)
    weights = np.split(model.coef_.T, np.cumsum([len(known) for known in tokens])[:-1])
    data = {
        "fitted_to": f"{', '.join(TUNING)}, by tests/bench/fit_readout.py",
        "prompt": prompts.SCORE_HASH,
        "temperature": round(temperature, 3),
        "bias": [round(float(value), 4) for value in model.intercept_],
        "tokens": tokens,
        "usual": [[round(value, 2) for value in it.values()] for it in usual],
        "weights": [[[round(float(w), 4) for w in row] for row in it] for it in weights],
    }
    return Fitted(data, float((unseen.argmax(1) == labels).mean()))


def main() -> None:
    rows = [
        {**json.loads(line), "from": name}
        for name in TUNING
        for line in (HERE / f"data/{name}.jsonl").open("r")
    ]
    family, heard = asyncio.run(observe(rows))
    PACKAGE.mkdir(exist_ok=True)
    figures: dict[str, object] = {"bench": "fit_readout", "rows": len(rows), "family": family}
    for way in get_args(Way):
        if way in heard:
            fitted = fit(way, rows, heard[way])
            lines = (f" {json.dumps(k)}: {json.dumps(v)}" for k, v in fitted.data.items())
            text = "{\n" + ",\n".join(lines) + "\n}\n"
            (PACKAGE / file_name(family, way)).write_text(text, "utf-8")
            figures[way] = round(fitted.accuracy, 3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
