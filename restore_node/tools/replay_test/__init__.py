"""The command `replay_test`."""
