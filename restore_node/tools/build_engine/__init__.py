"""The command `build_engine`."""
