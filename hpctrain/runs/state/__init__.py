"""Which state a run is in, and how far its training is."""
