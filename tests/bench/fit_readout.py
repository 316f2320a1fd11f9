"""Fit the readouts of an engine's model and of wording, and write them into the package.

    pip install scikit-learn && python -m tests.bench.fit_readout [--engine embedded|ollama]

The embedded engine tells all ways, Ollama only the likeliest tokens. Only the tuning sets are used;
the held-out, the unseen and the fresh set are never looked at. Needed again when the prompt, the
wheel, the lexicon, the telling phrases or the model change. scikit-learn is not a dependency of the
project: nobody else needs it. Takes some ten minutes; prints cross-validated figures, the last line
as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from tests.bench.engines import ENGINES, engine_settings
from tests.bench.fit_wording import Table, fit_wording

from refrain_cache import CacheSettings
from refrain_sidecar.config.settings import Settings
from refrain_sidecar.cpu import threads_in_force
from refrain_sidecar.enrichment import prompts
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.results import Way
from refrain_sidecar.enrichment.stage1.evidence import ORDINARY, Logprobs, leaning, secondaries
from refrain_sidecar.enrichment.stage1.naming import WORDS
from refrain_sidecar.enrichment.stage1.readout import LEAST, centred, file_name
from refrain_sidecar.enrichment.text import defused
from refrain_sidecar.enrichment.wheel import WHEEL
from refrain_sidecar.inference.choose import EngineChooser

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "sidecar" / "refrain_sidecar" / "enrichment" / "stage1" / "readouts"
PLAIN = ("emotion_tuning", "emotion_dev")
# Most of these name no feeling on purpose.
HARD = "emotion_written"
TUNING = (*PLAIN, HARD, "emotion_everyday")
# Confidence is made honest for a mix of plain texts and so many hard ones; the everyday ones, which
# were written beside the telling phrases, are too easy for these to count.
HARD_SHARE = 0.25
# Strength of the prior that all weights are 0, by way: best of several by cross-validation.
C = {"logprobs": 0.004, "top_logprobs": 0.05}
# A token seen in fewer texts tells nothing that would carry over to others.
LEAST_SEEN = 3
FOLDS = 5

Heard = list[list[Logprobs]]
Data = dict[str, Any]


async def observe(
    rows: Sequence[dict[str, str]], settings: Settings
) -> tuple[str, dict[Way, Heard]]:
    """The model's family, and for each way the engine has, row and beginning what was heard."""
    chooser = EngineChooser(settings, threads_in_force(settings))
    heard: dict[Way, Heard] = {}
    try:
        engine = await chooser.engine()
        asking = Asking(chooser, settings)
        abilities = await asking.abilities(engine)
        ways: dict[Way, tuple[str, ...]] = {"top_logprobs": ()}
        if abilities.scores_words:
            ways["logprobs"] = WORDS
        for row in track(rows, description="Listening"):
            text = defused(row["text"])
            for way, tokens in ways.items():
                beginnings = prompts.score_messages(text, None, every_word=bool(tokens))
                heard.setdefault(way, []).append(
                    [await asking.next_token(engine, it, tokens=tokens) for it in beginnings]
                )
        return abilities.family, heard
    finally:
        await chooser.close()


def usual_of(texts: Sequence[Logprobs], tokens: Sequence[str]) -> dict[str, float]:
    """Each token's mean log-probability; out of sight it has the least in sight."""
    lowest = [min(it.values()) for it in texts]
    return {
        token: float(
            np.mean([max(it.get(token, low), LEAST) for it, low in zip(texts, lowest, strict=True)])
        )
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


def fit(way: Way, heard: Heard, labels: Table, folds: StratifiedKFold) -> tuple[Data, Table]:
    """Logistic regression on the evidence of all tokens after all beginnings.

    What the readout's file says, and the scores of texts that were not fitted to.
    """
    columns = list(zip(*heard, strict=True))
    tokens = [seen_often(texts) for texts in columns]
    usual = [usual_of(texts, known) for texts, known in zip(columns, tokens, strict=True)]
    parts = []
    for texts, known, usually in zip(columns, tokens, usual, strict=True):
        lifted = (centred(it, usually) for it in texts)
        parts.append(np.array([[lift[token] for token in known] for lift in lifted]))
    seen = np.concatenate(parts, axis=1)
    model = LogisticRegression(C=C[way], max_iter=300, tol=1e-3)
    unseen = cross_val_predict(model, seen, labels, cv=folds, method="decision_function")
    model.fit(seen, labels)
    weights = np.split(model.coef_.T, np.cumsum([len(known) for known in tokens])[:-1])
    data: Data = {
        "prompt": prompts.SCORE_HASH,
        "bias": [round(float(value), 4) for value in model.intercept_],
        "tokens": tokens,
        "usual": [[round(value, 2) for value in it.values()] for it in usual],
        "weights": [[[round(float(w), 4) for w in row] for row in it] for it in weights],
    }
    return data, unseen


def by_lexicon(heard: Heard, ordinary: Heard) -> Table:
    """Each primary's share of what a model of an unknown family would be heard to say."""
    usual = leaning(ordinary)
    shares = []
    for one in heard:
        spoken_for = secondaries(one[:-1], usual[:-1])
        whole = sum(spoken_for.values()) or 1.0
        rings = WHEEL.rings.values()
        shares.append([sum(spoken_for[it.name] for it in ring) / whole for ring in rings])
    return np.array(shares)


def factors(by_model: Table, by_words: Table, labels: Table, weights: Table) -> tuple[float, float]:
    """Of both, so that their sum is honest on texts that neither was fitted to."""

    def loss(of_both: Table) -> float:
        scores = of_both[0] * by_model + of_both[1] * by_words
        scores = scores - scores.max(1, keepdims=True)
        shares = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        return float(-np.average(shares[np.arange(len(labels)), labels], weights=weights))

    model, words = minimize(loss, np.ones(2), method="Nelder-Mead").x
    return float(model), float(words)


def write(name: str, data: Data) -> None:
    """A readout's file, one field a line."""
    made = {"fitted_to": f"{', '.join(TUNING)}, by tests/bench/fit_readout.py", **data}
    lines = (f" {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in made.items())
    (PACKAGE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def fit_all(
    rows: Sequence[dict[str, str]], family: str, heard: dict[Way, Heard]
) -> dict[str, object]:
    """Write every readout; `heard` is of the ordinary texts first, then of the rows.

    The figures: how often each was right on plain and hard texts it was not fitted to.
    """
    labels = np.array([WHEEL.primaries.index(row["label"]) for row in rows])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=1)
    plain = np.array([row["from"] in PLAIN for row in rows])
    hard = np.array([row["from"] == HARD for row in rows])
    weights = plain * (1 - HARD_SHARE) / plain.sum() + hard * HARD_SHARE / hard.sum()
    figures: dict[str, object] = {}

    def right(name: str, scores: Table) -> None:
        found = scores.argmax(1) == labels
        figures[name] = [round(float(found[it].mean()), 3) for it in (plain, hard)]

    words, by_words = fit_wording([row["text"] for row in rows], labels, folds)
    right("wording", by_words)

    def fuse(name: str, by_model: Table) -> tuple[float, float]:
        model, beside = factors(by_model, by_words, labels, weights)
        right(name, by_model)
        right(f"{name} and wording", model * by_model + beside * by_words)
        figures[f"{name} factors"] = [round(model, 3), round(beside, 3)]
        return model, beside

    for way, all_heard in heard.items():
        ordinary, of_rows = all_heard[: len(ORDINARY)], all_heard[len(ORDINARY) :]
        data, by_model = fit(way, of_rows, labels, folds)
        model, beside = fuse(way, by_model)
        both = {"temperature": round(1 / model, 3), "beside": round(beside, 3)}
        write(file_name(family, way), {**data, **both})
        if way == "top_logprobs":
            lexicon, beside = fuse("lexicon", by_lexicon(of_rows, ordinary))
            both = {"lexicon": round(lexicon, 3), "beside": round(beside, 3)}
            write("wording.json", {**both, **words})
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the readouts of Stage 1.")
    parser.add_argument("--engine", choices=ENGINES, default="embedded")
    asked = parser.parse_args()
    rows = [
        {**json.loads(line), "from": name}
        for name in TUNING
        for line in (HERE / f"data/{name}.jsonl").open("r")
    ]
    listened = [{"text": text} for text in ORDINARY] + rows
    with engine_settings(asked.engine, CacheSettings(enabled=False)) as settings:
        family, heard = asyncio.run(observe(listened, settings))
    PACKAGE.mkdir(exist_ok=True)
    figures = fit_all(rows, family, heard)
    print(json.dumps({"bench": "fit_readout", "rows": len(rows), "family": family, **figures}))


if __name__ == "__main__":
    main()
