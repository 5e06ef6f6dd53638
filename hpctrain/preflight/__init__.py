"""What `hpctrain check` finds out about labelled structures in one pass over them."""
