"""What an enrichment refuses and how it fails. Engine errors stay what they are."""

from __future__ import annotations


class InputRefused(ValueError):
    """What was handed in cannot be enriched. The message says why and what to hand in instead."""


class EnrichmentError(Exception):
    """A stage got no usable answer out of the model."""


class AnswerInvalid(EnrichmentError):
    """The model's JSON failed its schema, and failed it again when asked to repair it."""
