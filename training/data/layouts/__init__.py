"""The folders in which paired sets are published: one file for each kind."""
