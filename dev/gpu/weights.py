"""What is exported of a run, in files that travel: `python -m dev.gpu.weights RUN OUT`.

Writes OUT/restore-base.pt, or its pieces `.00`, `.01`, ..., which `cat` puts together again: a checkpoint
that `training.commands.export` takes, with the averaged weights alone, for optimizers are larger than these
and no run goes on from here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from training.runs import checkpoint

#: What may come back in one file is 16 MiB.
PIECE_BYTES = 15 << 20
NAMES = ('best.pt', 'checkpoint.pt')


def main() -> int:
    """Write the weights of the best checkpoint, or else of the last; returns the exit code."""
    run, out = Path(sys.argv[1]), Path(sys.argv[2])
    source = next((run / name for name in NAMES if (run / name).exists()), None)
    if source is None:
        print(f'error: no {" or ".join(NAMES)} in {run}: no checkpoint was written', file=sys.stderr)
        return 1
    saved = checkpoint.load(source)
    path = out / 'restore-base.pt'
    # Tensors that two names share are stored once.
    checkpoint.save(replace(saved, generator=(saved.average, []), critic=None), path)
    data = path.read_bytes()
    if len(data) > PIECE_BYTES:
        path.unlink()
        for index, first in enumerate(range(0, len(data), PIECE_BYTES)):
            path.with_name(f'{path.name}.{index:02}').write_bytes(data[first : first + PIECE_BYTES])
    print(f'{source.name} at step {saved.step}: {len(data)} bytes')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
