"""Structures that are alike: found, grouped, reported or left out."""
