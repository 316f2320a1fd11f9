"""The two ways to an engine, and which model of it is to answer."""
