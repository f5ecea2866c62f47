"""`make bench-node`: what one hop through the node costs, from publish to receive.

`hop.py` measures under one RMW, `others.py` holds what the node is compared with, `report.py` makes the table
and the plot. `load.py` runs cameras at their rate through the real model, in one node and in a node each.
"""
