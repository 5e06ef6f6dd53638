"""PBS's commands, imitated."""
