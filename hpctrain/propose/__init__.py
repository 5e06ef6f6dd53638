"""Settings that fit a set of data: looked at once, proposed with reasons, and written."""
