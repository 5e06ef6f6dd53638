"""The state of a run, and how far its training is."""
