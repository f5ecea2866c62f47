"""Evaluation: how well a network restores, and under which conventions that is said."""
