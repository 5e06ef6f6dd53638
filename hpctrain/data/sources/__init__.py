"""The readers: one module per kind of source; it alone imports ase, and that late."""
