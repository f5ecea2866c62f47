"""Which way of running a model is the fastest on this machine without CUDA: measured once, then remembered.

What a processor can do does not tell how fast it does it with this model: int8 gains three times here and
nothing there. So every way restores the same image in turn, and what was found is kept beside the engines
(docs/contracts.md, section 8) until the model, the processor or a library changes.
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from restore_node.backends.base import Backend
from restore_node.backends.registry import create_backend
from restore_node.common.errors import BackendError, EngineError, RestoreError
from restore_node.common.host import this_processor, utc_now, versions_of
from restore_node.engine.cache import KEY_DIGITS, cache_folder, key_of
from restore_node.engine.private_files import locked, make_private_folder, read_private, write_private
from restore_node.model import Model

_LOG = logging.getLogger('restore_node.choice')

FORMAT = 1
#: Height and width of the image, a round of each way, and how many are not counted.
IMAGE_PX = (360, 640)
ROUNDS, WARM_UP = 7, 2
#: Least PSNR to the fp32 graph, dB, of a way that may be taken.
LEAST_ALIKE_DB = 45.0
#: What equal images count as, for JSON has no infinity.
EQUAL_DB = 100.0
#: How many times faster than a more exact way another has to be.
WORTH = 1.1
_PACKAGES = ('openvino', 'onnxruntime', 'onnxruntime-gpu', 'numpy')


class Way(NamedTuple):
    """One way of running a model."""

    backend: str
    device: str
    precision: str

    def __str__(self) -> str:
        return ' '.join(self)

    def create(self, model: Model, threads: int) -> Backend:
        """A backend that is not open yet."""
        return create_backend(self.backend, model, self.device, threads, precision=self.precision)


EXACT = Way('onnxruntime', 'cpu', 'fp32')


@dataclass(frozen=True)
class Figures:
    """What a way was measured at.

    Attributes:
        ms: median time of one image, milliseconds.
        psnr_db: of its result to that of the fp32 graph, RGB, 0..255.
    """

    ms: float
    psnr_db: float


#: What was measured of each way that works, the best guess first.
Choice = Mapping[Way, Figures]


def best_of(choice: Choice, among: Callable[[Way], bool] = lambda way: True) -> Way | None:
    """The fastest way, `among` those that are asked about, that is exact enough; None where there is none."""
    # What is less exact has to be worth it.
    costs = {
        way: found.ms * (1 if way.precision == 'fp32' else WORTH)
        for way, found in choice.items()
        if among(way) and found.psnr_db >= LEAST_ALIKE_DB
    }
    return min(costs, key=lambda way: costs[way], default=None)


def ways_of(model: Model, threads: int = 0) -> list[Way]:
    """Every way that this machine has without CUDA, best guess first, `EXACT` last."""
    ways = []
    for device in ('intel_gpu', 'cpu'):
        backend: Any = create_backend('openvino', model, device, threads)
        try:
            ways += [Way('openvino', device, precision) for precision in backend.precisions()]
        except BackendError as error:
            _LOG.debug('no OpenVINO on %s: %s', device, error)
    return [*ways, EXACT]


def choose(model: Model, threads: int = 0, folder: Path | None = None) -> Choice:
    """Find what is the fastest way, by memory or by measuring, which takes some seconds.

    With so many CPU threads, 0 for one per core. What was measured lies in `folder`, by default `choices` in
    that of the engines; where it cannot be trusted or written, every call measures.
    """
    ways = ways_of(model, threads)
    if ways == [EXACT]:  # nothing to choose from
        return {EXACT: Figures(0.0, EQUAL_DB)}
    fields = _fields(model, threads, ways)
    with _place(folder, key_of(fields)[:KEY_DIGITS]) as path:
        choice = _remembered(path, ways) if path else None
        if choice is None:
            choice = _measure(model, threads, ways)
            found = (f'{way} {its.ms:.1f} ms, {its.psnr_db:.0f} dB' for way, its in choice.items())
            _LOG.info('measured on %s: %s: %s', this_processor().name, '; '.join(found), best_of(choice))
            if path and choice:
                _remember(path, fields, choice)
    return choice


def _measure(model: Model, threads: int, ways: Iterable[Way]) -> dict[Way, Figures]:
    """Let each way that works restore the same image in turn, so that what else goes on hits all alike."""
    # With OpenCV, without which doctor still runs.
    from restore_node.common.metrics import psnr
    from restore_node.common.reference_images import make_reference_images

    image = make_reference_images(np.random.default_rng(0), 1, *model.card.padded(*IMAGE_PX))
    times: dict[Way, list[float]] = {way: [] for way in ways}
    results: dict[Way, np.ndarray] = {}
    opened: dict[Way, Backend] = {}
    with ExitStack() as stack:
        for index in range(WARM_UP + ROUNDS):
            for way in list(times):
                try:
                    if way not in opened:
                        opened[way] = stack.enter_context(way.create(model, threads))
                        opened[way].staging(*image.shape[:3])[:] = image
                    start = time.perf_counter()
                    restored = opened[way].restore(opened[way].staging(*image.shape[:3]))
                    took_ms = 1e3 * (time.perf_counter() - start)
                except RestoreError as error:
                    del times[way]
                    _LOG.warning('%s does not run: %s', way, error)
                    continue
                if index < WARM_UP:
                    results[way] = restored[0].copy()
                else:
                    times[way].append(took_ms)
    exact = [results[way] for way in times if way.precision == 'fp32'][-1:]
    return {
        way: Figures(
            round(statistics.median(took), 3), round(min(EQUAL_DB, psnr(results[way], reference)), 2)
        )
        for reference in exact
        for way, took in times.items()
    }


def _fields(model: Model, threads: int, ways: list[Way]) -> dict[str, Any]:
    """What a choice depends on."""
    processor = this_processor()
    return {
        'graphs': {precision: graph['sha256'] for precision, graph in model.card.graphs.items()},
        'processor': processor.name,
        'features': list(processor.features),
        'cores': processor.cores,
        'threads': threads,
        'ways': [str(way) for way in ways],
        'measured': [*IMAGE_PX, ROUNDS, WARM_UP],
        'versions': versions_of(_PACKAGES),
    }


@contextmanager
def _place(folder: Path | None, key: str) -> Iterator[Path | None]:
    """Where a choice is remembered, None where there is no such place.

    Its lock is held: two nodes that measure at the same time would measure each other.
    """
    with ExitStack() as stack:
        path: Path | None = None
        try:
            folder = folder or cache_folder() / 'choices'
            for place in (folder.parent, folder):
                make_private_folder(place)
            stack.enter_context(locked(folder / f'{key}.lock', on_wait=lambda: None))
            path = folder / f'{key}.json'
        except EngineError as error:
            _LOG.warning('the fastest way of running a model is measured at every start: %s', error)
        yield path


def _remembered(path: Path, ways: list[Way]) -> Choice | None:
    """Read what was measured; None where nothing was, or nothing that can be read."""
    try:
        figures = json.loads(read_private(path))['figures']
        return {way: Figures(**figures[str(way)]) for way in ways if str(way) in figures}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(path: Path, fields: dict[str, Any], choice: Choice) -> None:
    content = {
        'format': FORMAT,
        'fields': fields,
        'figures': {str(way): asdict(found) for way, found in choice.items()},
        'created': utc_now(),
    }
    try:
        write_private(path, json.dumps(content, indent=2).encode())
    except OSError as error:
        _LOG.warning('what was measured is not remembered: %s', error)
