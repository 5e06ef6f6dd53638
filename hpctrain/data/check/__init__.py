"""What `hpctrain check` finds wrong with labelled structures."""
