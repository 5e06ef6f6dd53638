"""Pacemaker (Atomic Cluster Expansion), seen from the login node."""
