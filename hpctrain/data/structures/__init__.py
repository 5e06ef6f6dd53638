"""A structure: read, checked, written, remembered, and the distances in it."""
