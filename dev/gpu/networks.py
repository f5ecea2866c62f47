"""Milliseconds of a forward pass of each generator: `python -m dev.gpu.networks FILE.json [--short]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from restore_node.common.timing import measure_ms, percentiles
from training.networks.registry import build

NETWORKS = ('lite', 'lite-base', 'paper')
SIZES = ((360, 640), (720, 1280))
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
RUNS, WARM_UP = 50, 10


def time_network(name: str, size: tuple[int, int], precision: str, runs: int) -> dict[str, object]:
    """Percentiles over `runs` passes of one frame, from tensor to tensor: nothing is copied to the GPU."""
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    network = build(name).eval().to(device, PRECISIONS[precision], memory_format=torch.channels_last)
    frame = torch.rand(1, 3, *size, device=device, dtype=PRECISIONS[precision])
    frame = frame.to(memory_format=torch.channels_last)

    def restore() -> None:
        network(frame)
        if device.type == 'cuda':
            torch.cuda.synchronize()

    with torch.inference_mode():
        times = measure_ms(restore, runs, warm_up=min(runs, WARM_UP))
    made = {'network': name, 'size': [size[1], size[0]], 'precision': precision, 'device': str(device)}
    return made | {'runs': runs, 'ms': percentiles(times, 3)}


def main() -> None:
    """Time all of them; the figures so far are in the file whenever it is read."""
    short = '--short' in sys.argv
    sizes = ((64, 96),) if short else SIZES
    precisions = ('fp32',) if short or not torch.cuda.is_available() else tuple(PRECISIONS)
    results: list[dict[str, object]] = []
    for size in sizes:
        for name in NETWORKS:
            for precision in precisions:
                results.append(time_network(name, size, precision, 2 if short else RUNS))
                print(json.dumps(results[-1]), flush=True)
                Path(sys.argv[1]).write_text(json.dumps(results, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
