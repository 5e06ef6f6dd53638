"""The command line: options, printing, exit codes; the work is done by the use cases."""

from hpctrain.cli.boundary import main

__all__ = ["main"]
