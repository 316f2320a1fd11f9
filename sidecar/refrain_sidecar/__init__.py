"""The process beside the editor: configuration, inference, enrichment, and its faces."""

__version__ = "0.1.0"
