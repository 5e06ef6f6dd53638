"""What a user does with runs: status, logs, cancel, resume, and the recovery they begin with."""
