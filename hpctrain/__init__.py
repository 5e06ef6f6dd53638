"""hpctrain: train machine-learning interatomic potentials on HPC clusters."""

__version__ = "0.1.0"
