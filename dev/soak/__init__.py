"""`make soak`: the real node over real DDS, for as long as one likes, under all that a vehicle can do to it.

`mutation.py` damages messages, `camera.py` sends them, `subject.py` is the node under test, `acts.py` what is
done to it, `watch.py` what has to hold meanwhile, `run.py` the programme, `report.py` its table.
"""
