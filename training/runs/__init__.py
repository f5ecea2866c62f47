"""A run: its folder, what made it, and the checkpoint it goes on from."""
