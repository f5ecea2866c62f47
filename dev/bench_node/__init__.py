"""`make bench-node`: what one hop through the node costs, from publish to receive.

`hop.py` measures under one RMW, `others.py` holds what the node is compared with, `report.py` makes the table
and the plot.
"""
