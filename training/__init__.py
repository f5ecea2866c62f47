"""The training system: `training.commands` is what one runs."""

import os

# libgomp, which runs PyTorch's threads on Linux, reads this when torch is loaded. By its default a thread
# that waits for another spins for milliseconds. Beside other work, that other thread is often the one it
# keeps from running.
os.environ.setdefault('GOMP_SPINCOUNT', '10000')
