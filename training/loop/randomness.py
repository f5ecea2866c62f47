"""Random numbers by position: what is drawn depends on where in a run it is drawn, not on what came before.

So a run has no random state to save, and stopping and resuming it cannot change it.
"""

import numpy as np
import torch

NETWORKS, STEPS = 0, 1
"""What is drawn: first weights of networks by stage; dropout and penalties by step and rank."""


def seed_torch(*position: int) -> None:
    """Set PyTorch's generators, those of the CPU and of all GPUs, from a run's seed and a position in it."""
    state = np.random.SeedSequence(position).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))
