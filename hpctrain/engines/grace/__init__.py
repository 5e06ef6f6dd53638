"""GRACE (gracemaker, of tensorpotential): its input from the settings, its output as curves."""
