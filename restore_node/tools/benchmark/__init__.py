"""The command `benchmark`: what a frame costs here, by stage and by way of running the model.

`run.py` runs all of them in turn, `compare.py` says what changed between two results,
`__main__.py` is the command.
"""
