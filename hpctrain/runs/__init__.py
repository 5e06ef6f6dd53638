"""A run's folder: its record, its lock, and the one way to hand an attempt to a scheduler."""
