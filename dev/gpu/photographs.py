"""Put scikit-image's photographs into out/photographs: `python -m dev.gpu.photographs`."""

from __future__ import annotations

from restore_node.common.atomic import Unfinished
from training.data.example_photographs import EXAMPLES, write_photographs

if __name__ == '__main__' and not EXAMPLES.exists():
    with Unfinished(EXAMPLES) as unfinished:
        write_photographs(unfinished)
