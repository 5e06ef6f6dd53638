"""One structure: read, judged, written, remembered, and the distances in it."""
