"""Stage 1: the place of a text on the feelings wheel, and what the text tells."""
