"""Slurm: requests out, replies in."""
