"""One HTML page about a run or a potential: everything that is known of it, to judge it by."""
