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
from typing import Any

from restore_node.common.errors import EngineError, RestoreError
from restore_node.engine.build import SerializedEngine, build_plan, choose_recipe
from restore_node.engine.cache import EngineCache, key_of
from restore_node.engine.machine import Machine, fields_of, find_exact
from restore_node.engine.run import EngineRunner
from restore_node.engine.spec import LEAST_PSNR_DB, EngineSpec
from restore_node.model import PRECISIONS, Model, load_model
from restore_node.tools.build_engine.report import BarReport, BuildReport, JsonReport
from restore_node.tools.build_engine.verification import Verification, check_engine
from restore_node.tools.shared.cli import EXIT_BAD_INPUT, parse_size, run_command

EXIT_NOT_VERIFIED = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    given = _parser().parse_args(arguments)
    run_command(lambda: _command(given))


def _parser() -> argparse.ArgumentParser:
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
    return parser


def _command(given: argparse.Namespace) -> int:
    report = JsonReport() if given.progress == 'json' else BarReport()
    with report:
        try:
            return _build_if_missing(given, _spec(load_model(given.model), given), report)
        except RestoreError as error:
            report.failed(str(error))
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


def _build_if_missing(given: argparse.Namespace, spec: EngineSpec, report: BuildReport) -> int:
    cache = EngineCache()
    with Machine() as machine:
        fields = fields_of(machine, spec)
        with cache.lock(
            key_of(fields), on_wait=lambda: report.progress('waiting for another build of it', 0)
        ):
            engine = None if given.force else find_exact(cache, machine, spec)
            if engine:
                report.built(engine, 'already there, verified')
                return 0
            plan = _build(machine, cache, spec, report)
            verification = _verify(machine, plan, spec, report)
            about = _about(machine, plan, verification)
            if verification.passed:
                report.built(cache.store(fields, plan.data, about), _story(plan, verification))
                return 0
            reason = f'{verification.psnr_db:g} dB to {verification.reference}'
            cache.reject(fields, plan.data, about, reason)
    refusal = EngineError(
        f'the engine for {spec} does not compute what its model does and is not used',
        seen=reason,
        wanted=f'{verification.threshold_db:g} dB',
        fix='report it with the manifest in quarantine/'
        if spec.precision == 'fp32'
        else 'try --precision fp32',
    )
    report.failed(str(refusal))
    return EXIT_NOT_VERIFIED


def _build(machine: Machine, cache: EngineCache, spec: EngineSpec, report: BuildReport) -> SerializedEngine:
    gpu, version = machine.gpu.name, machine.library.version
    recipe = choose_recipe(machine.library, spec.model, spec.precision)
    with _interruptible():
        plan = build_plan(
            machine.library,
            spec.model.graph(recipe.graph).read_bytes(),
            spec,
            recipe,
            progress=lambda phase, percent: report.progress(f'building: {phase}', percent),
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


def _verify(machine: Machine, plan: SerializedEngine, spec: EngineSpec, report: BuildReport) -> Verification:
    runner = EngineRunner(machine.cuda, machine.library, plan.data)
    try:
        return check_engine(runner, spec, lambda percent: report.progress('verifying', percent))
    finally:
        runner.close()


def _about(machine: Machine, plan: SerializedEngine, verification: Verification) -> dict[str, Any]:
    return {
        'precision': plan.precision,
        'verified': verification.as_dict(),
        'build_s': round(plan.build_s, 1),
        'versions': machine.versions(),
    }


def _story(plan: SerializedEngine, verification: Verification) -> str:
    return (
        f'built in {plan.build_s:.1f} s, {plan.precision} ({plan.typing}ly typed), verified on '
        f'{verification.images} images: {verification.psnr_db:g} dB to {verification.reference}'
    )


if __name__ == '__main__':
    main()
