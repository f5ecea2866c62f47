"""The model file of a checkpoint: graphs and card."""
