"""One training: steps, optimizers, schedule, processes, and what it tells of itself."""
