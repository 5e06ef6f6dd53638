"""Slurm's commands, imitated."""
