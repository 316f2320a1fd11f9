"""One lookup: memory, the file, the flight of a miss, and the one outcome it ends in."""
