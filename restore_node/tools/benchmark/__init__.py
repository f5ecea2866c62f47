"""The command `benchmark`: what a frame costs here, by stage and by way of running the model.

`run.py` runs all of them in turn, `result.py` does the arithmetic and the tables, `compare.py` says what
changed between two results, `command.py` is the command.
"""
