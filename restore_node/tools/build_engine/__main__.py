"""Build and verify a TensorRT engine for this machine: `build_engine MODEL --size WxH`.

The only builder; the node runs it as a child process. What it makes, where, and what it says with
`--progress json` is settled in docs/contracts.md, section 8. A build takes seconds on a desktop's GPU and
minutes on a Jetson; what is there already is not built again.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from restore_node.common.errors import EngineError, RestoreError
from restore_node.engine.build import SerializedEngine, build_plan, choose_recipe
from restore_node.engine.cache import EngineCache, key_of
from restore_node.engine.machine import Machine, fields_of, find_exact
from restore_node.engine.run import EngineRunner
from restore_node.engine.spec import LEAST_PSNR_DB, EngineSpec
from restore_node.model import PRECISIONS, Model, load_model
from restore_node.tools.build_engine.report import Say, telling
from restore_node.tools.build_engine.verification import Verification, check_engine
from restore_node.tools.cli import EXIT_BAD_INPUT, parse_size, run_command

EXIT_NOT_VERIFIED = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='build_engine', description='Build and verify a TensorRT engine for this machine.'
    )
    parser.add_argument('model', metavar='MODEL', help='name or .onnx path of a model')
    parser.add_argument('--size', required=True, metavar='WxH', help="the cameras' image size")
    parser.add_argument('--max-size', metavar='WxH', help='serve all sizes from --size to this one')
    parser.add_argument('--batch', type=int, default=1, metavar='N', help='cameras at once (default 1)')
    parser.add_argument('--precision', choices=PRECISIONS, default='fp16', help='default fp16')
    parser.add_argument(
        '--optimization-level', type=int, default=3, metavar='0..5', help="TensorRT's effort (default 3)"
    )
    parser.add_argument(
        '--workspace-mib', type=int, default=1024, metavar='MIB', help='scratch memory (default 1024)'
    )
    parser.add_argument(
        '--min-psnr',
        type=float,
        default=0.0,
        metavar='DB',
        help='least likeness to ONNX Runtime on the CPU (default '
        + ', '.join(f'{limit:g} for {precision}' for precision, limit in LEAST_PSNR_DB.items())
        + ')',
    )
    parser.add_argument('--progress', choices=('bar', 'json'), default='bar', help='default bar')
    parser.add_argument('--force', action='store_true', help='build even if it is there already')
    run_command(_command, parser, arguments)


def _command(given: argparse.Namespace) -> int:
    with telling(as_json=given.progress == 'json') as say:
        try:
            return _build_if_missing(given, _spec(load_model(given.model), given), say)
        except RestoreError as error:
            say(error=str(error))
            return EXIT_BAD_INPUT


def _spec(model: Model, given: argparse.Namespace) -> EngineSpec:
    smallest, largest = (
        EngineSpec.for_cameras(
            model,
            *parse_size(text),
            given.batch,
            given.precision,
            optimization_level=given.optimization_level,
            workspace_mib=given.workspace_mib,
            min_psnr_db=given.min_psnr,
        )
        for text in (given.size, given.max_size or given.size)
    )
    return replace(smallest, max_shape=largest.max_shape)


def _build_if_missing(given: argparse.Namespace, spec: EngineSpec, say: Say) -> int:
    cache, machine = EngineCache(), Machine()
    fields = fields_of(machine, spec)
    with cache.lock(key_of(fields), on_wait=lambda: say(phase='waiting for another build of it', percent=0)):
        engine, how = None if given.force else find_exact(cache, machine, spec), 'already there, verified'
        if engine is None:
            plan = _build(machine, cache, spec, say)
            found = _verify(machine, plan, spec, say)
            about = {
                'precision': plan.precision,
                'verified': found._asdict(),
                'build_s': round(plan.build_s, 1),
                'versions': machine.versions(),
            }
            likeness = f'{found.psnr_db:g} dB to {found.reference}'
            if found.psnr_db < found.threshold_db:
                cache.reject(fields, plan.data, about, likeness)
                say(error=str(_refusal(spec, found, likeness)))
                return EXIT_NOT_VERIFIED
            engine = cache.store(fields, plan.data, about)
            how = (
                f'built in {plan.build_s:.1f} s, {plan.precision} ({plan.typing}ly typed), '
                f'verified on {found.images} images: {likeness}'
            )
        say(engine=str(engine.path), manifest=engine.manifest, how=how)
    return 0


def _refusal(spec: EngineSpec, found: Verification, likeness: str) -> EngineError:
    is_exact = spec.precision == 'fp32'
    return EngineError(
        f'the engine for {spec} does not compute what its model does and is not used',
        seen=likeness,
        wanted=f'{found.threshold_db:g} dB',
        fix='report it with the manifest in quarantine/' if is_exact else 'try --precision fp32',
    )


def _build(machine: Machine, cache: EngineCache, spec: EngineSpec, say: Say) -> SerializedEngine:
    gpu, version = machine.gpu.name, machine.library.version
    recipe = choose_recipe(machine.library, spec.model, spec.precision)
    with _interruptible():
        plan = build_plan(
            machine.library,
            spec.model.graph(recipe.graph).read_bytes(),
            spec,
            recipe,
            progress=lambda phase, percent: say(phase=f'building: {phase}', percent=percent),
            timing_cache=cache.read_timing(gpu, version),
        )
    if plan.timing_cache:
        with suppress(EngineError):  # the next build only takes longer
            cache.write_timing(gpu, version, plan.timing_cache)
    return plan


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the process at once; Python's own handlers would wait for the builder.

    Nothing is left behind, for the cache holds only what is complete.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def _verify(machine: Machine, plan: SerializedEngine, spec: EngineSpec, say: Say) -> Verification:
    runner = EngineRunner(machine.cuda, machine.library, plan.data)
    try:
        return check_engine(runner, spec, lambda percent: say(phase='verifying', percent=percent))
    finally:
        runner.close()


if __name__ == '__main__':
    main()
