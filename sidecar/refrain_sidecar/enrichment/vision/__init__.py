"""Pictures: looked at, described by a model that sees, and kept by their bytes."""
