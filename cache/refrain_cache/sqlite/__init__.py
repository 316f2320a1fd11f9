"""The file: its layout, its connections, what is written when, and what may be wrong with it."""
