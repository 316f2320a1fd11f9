"""Stage 2: what is written to a feeling."""
