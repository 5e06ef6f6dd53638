"""What becomes of a finished run: the archive, its cards, and every look at what is in it."""
