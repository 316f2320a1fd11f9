"""Fit the readout of the embedded model to the tuning set, and write it into the package.

    pip install scikit-learn && python -m tests.bench.fit_readout

Only `data/emotion_tuning.jsonl` is used; the held-out set is never looked at. Needed again when
the wheel's words, the scoring prompt or the model change. scikit-learn is not a dependency of the
project: nobody else needs it. Prints cross-validated figures, the last line as JSON.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from refrain_sidecar.config.settings import InferenceSettings, Settings
from refrain_sidecar.enrichment import prompts
from refrain_sidecar.enrichment.asking import Asking
from refrain_sidecar.enrichment.stage1.evidence import CONTENT_FREE, baseline, evidence
from refrain_sidecar.enrichment.stage1.naming import Naming
from refrain_sidecar.enrichment.stage1.reading import defused
from refrain_sidecar.enrichment.stage1.readout import DIGEST_DIGITS
from refrain_sidecar.enrichment.wheel import WHEEL
from refrain_sidecar.inference.choose import EngineChooser

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "sidecar" / "refrain_sidecar" / "enrichment" / "stage1" / "readouts"
# Strength of the prior that all weights are 0: best of 0.001, 0.002, 0.004, 0.01 by
# cross-validation.
C = 0.004
FOLDS = 12


async def observe() -> tuple[str, list[dict[str, str]], dict[str, float], np.ndarray]:
    """The model's digest, the tuning rows, the baseline, and the evidence for each row's words."""
    rows = [json.loads(line) for line in (HERE / "data/emotion_tuning.jsonl").open()]
    settings = Settings(inference=InferenceSettings(engine="embedded"))
    chooser = EngineChooser(settings, 1)
    try:
        engine = await chooser.engine()
        naming = Naming(Asking(chooser, settings.inference))
        free = [await naming.logprobs(engine, text) for text in CONTENT_FREE]
        usual = baseline([one for one in free if one is not None])
        seen = []
        for row in rows:
            found = await naming.logprobs(engine, defused(row["text"]))
            assert found is not None
            seen.append([evidence(found, usual)[word] for word in WHEEL.words])
    finally:
        await chooser.close()
    return engine.digest, rows, usual, np.array(seen)


def fit(rows: list[dict[str, str]], seen: np.ndarray) -> tuple[LogisticRegression, float, float]:
    """The model, its temperature and its cross-validated accuracy."""
    labels = np.array([WHEEL.primaries.index(row["label"]) for row in rows])
    model = LogisticRegression(C=C, max_iter=5000)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=1)
    unseen = cross_val_predict(model, seen, labels, cv=folds, method="decision_function")
    accuracy = float((unseen.argmax(1) == labels).mean())

    def loss(temperature: float) -> float:
        scaled = unseen / temperature
        scaled = scaled - scaled.max(1, keepdims=True)
        shares = scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
        return float(-shares[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(0.1, 5.0), method="bounded")
    return model.fit(seen, labels), float(found.x), accuracy


def main() -> None:
    digest, rows, usual, seen = asyncio.run(observe())
    model, temperature, accuracy = fit(rows, seen)
    data = {
        "fitted_to": "tests/bench/data/emotion_tuning.jsonl, by tests/bench/fit_readout.py",
        "model": digest,
        "prompt": prompts.SCORE_HASH,
        "words": list(WHEEL.words),
        "baseline": [round(usual[word], 3) for word in WHEEL.words],
        "usual": [round(float(value), 3) for value in seen.mean(0)],
        "temperature": round(temperature, 3),
        "bias": {
            name: round(float(value), 4)
            for name, value in zip(WHEEL.primaries, model.intercept_, strict=True)
        },
        "weights": {
            name: [round(float(value), 4) for value in row]
            for name, row in zip(WHEEL.primaries, model.coef_, strict=True)
        },
    }
    PACKAGE.mkdir(exist_ok=True)
    name = f"{digest.removeprefix('sha256:')[:DIGEST_DIGITS]}.json"
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items())
    (PACKAGE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(json.dumps({"readout": name, "rows": len(rows), "cross_validated_accuracy": accuracy}))


if __name__ == "__main__":
    main()
