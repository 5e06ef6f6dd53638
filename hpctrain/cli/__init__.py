"""The command line: options in, words and exit codes out. It decides nothing."""
