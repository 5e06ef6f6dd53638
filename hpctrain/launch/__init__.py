"""From settings to a submitted run: where it goes, what is sent, and whether the site works."""
