"""The twin of `training.degradation` for whole batches on any device: CPU cores cannot feed a large GPU.

The parameters are drawn by the reference (`training.degradation.degrade.draw`), and the results are its own,
within a grey level but for a few pixels.
"""
