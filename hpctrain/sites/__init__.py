"""A site's profile: its keys, and what follows from them."""
