"""Two stages over one text, naming the feeling and writing to it; pictures, which become texts; and
recipes of one's own."""

from refrain_sidecar.enrichment.blocking import HybridScorer, PostEnricher, Recipe
from refrain_sidecar.enrichment.errors import AnswerInvalid, EnrichmentError, InputRefused
from refrain_sidecar.enrichment.results import (
    Described,
    Enrichment,
    PostEnriched,
    PostEnrichment,
    Provenance,
    WheelPlace,
)
from refrain_sidecar.enrichment.stage1.hybrid_scorer import AsyncHybridScorer
from refrain_sidecar.enrichment.stage2.post_enricher import AsyncPostEnricher
from refrain_sidecar.enrichment.vision.image_describer import AsyncImageDescriber
from refrain_sidecar.enrichment.wheel import WHEEL, Place

__all__ = [
    "WHEEL",
    "AnswerInvalid",
    "AsyncHybridScorer",
    "AsyncImageDescriber",
    "AsyncPostEnricher",
    "Described",
    "Enrichment",
    "EnrichmentError",
    "HybridScorer",
    "InputRefused",
    "Place",
    "PostEnriched",
    "PostEnricher",
    "PostEnrichment",
    "Provenance",
    "Recipe",
    "WheelPlace",
]
