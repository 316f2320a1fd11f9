"""Enrichments of one's own: prompts in files, cached, explained and streamed like the stages."""
