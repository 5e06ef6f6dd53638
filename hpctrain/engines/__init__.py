"""Trainers, seen from the login node: settings to their input, their output to numbers."""
