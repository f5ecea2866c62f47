"""Bytes of messages and bags to pixels, and back."""
