"""The programs: `python -m training.commands.NAME`."""
