"""The whole examination: every check in order, every way of running the model timed, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from restore_node.common.host import host_line
from restore_node.model import Model
from restore_node.tools.doctor import checks, gpu_checks
from restore_node.tools.doctor.child import ask
from restore_node.tools.doctor.findings import ABSENT, BROKEN, Finding

RUNS, WARM_UP = 60, 10
CANDIDATE_TIMEOUT_S = 600.0
#: The candidate whose working is the GPU path's working.
GPU_CANDIDATE = 'tensorrt cuda'


@dataclass
class Examination:
    """Goes through all checks.

    Attributes:
        model: name or path.
        size: (width, height) of the camera.
        on_step: told what is being looked at.
        findings: what was found, in order.
        candidates: of those, the timed ways of running the model, best first.
    """

    model: str
    size: tuple[int, int]
    on_step: Callable[[str], None] = lambda step: None
    findings: list[Finding] = field(default_factory=list)
    candidates: list[Finding] = field(default_factory=list)

    def run(self) -> Iterator[Finding]:
        """Yield each finding as soon as there is one."""
        for finding in self._look():
            self.findings.append(finding)
            yield finding

    @property
    def has_gpu_path(self) -> bool:
        """Whether TensorRT restored frames on this machine."""
        return any(candidate.is_ok and candidate.name == GPU_CANDIDATE for candidate in self.candidates)

    def verdict(self) -> str:
        """Say in one line what the node would run on this machine."""
        size = f'{self.size[0]}x{self.size[1]}'
        best = next((candidate for candidate in self.candidates if candidate.is_ok), None)
        if best is None:
            return f'nothing here can restore {size}: the node would pass frames through, unrestored'
        ms = best.facts['ms']
        plan = f'{best.name} on {best.facts["where"]}, {size} in {ms["p50"]:.1f} ms (p99 {ms["p99"]:.1f} ms)'
        if self.has_gpu_path:
            return f'the GPU path works: the node would run {plan}'
        if best.name.endswith(' cuda'):
            return f'the TensorRT path does not work; the node would run the degraded mode, {plan}'
        return f'the GPU path does not work here; the CPU path works: the node would run {plan}'

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            'format': 1,
            'model': self.model,
            'size': list(self.size),
            'gpu_path': self.has_gpu_path,
            'verdict': self.verdict(),
            'findings': [asdict(finding) for finding in self.findings],
        }

    def _look(self) -> Iterator[Finding]:
        self.on_step('machine')
        host = checks.check_host()
        yield host
        yield checks.check_package()
        self.on_step('libraries')
        yield from checks.check_libraries()
        self.on_step('ROS 2')
        yield checks.check_ros()
        self.on_step('model')
        finding, model = checks.check_model(self.model)
        yield finding
        self.on_step('ONNX Runtime')
        yield checks.check_onnxruntime()
        if model:  # an option for Intel's processors and graphics
            self.on_step('OpenVINO')
            fix = 'pip install -r requirements/vehicle-intel.txt'
            yield ask('OpenVINO', fix=fix, model=str(model.graph()))
        yield from self._look_at_gpu(model)
        if model:
            yield from self._time(model, host_line(host.facts))

    def _look_at_gpu(self, model: Model | None) -> Iterator[Finding]:
        self.on_step('GPU')
        yield gpu_checks.check_driver()
        cuda = ask('CUDA')
        yield cuda
        tensorrt = gpu_checks.check_tensorrt(model, cuda.is_ok)
        yield tensorrt
        cache = checks.check_cache()
        yield cache
        lacks = [need.name for need in (cuda, tensorrt, cache) if not need.is_ok]
        if model and not lacks:
            yield gpu_checks.check_engine(model, self.size, self.on_step)
            return
        lacks += [] if model else ['model']
        state = ABSENT if cuda.state == ABSENT else BROKEN
        yield Finding('engine', state, f'not built: {", ".join(lacks)} to be mended first')

    def _time(self, model: Model, host: str) -> Iterator[Finding]:
        """Time each candidate of the fallback chain in a process of its own, as each may crash."""
        chain = ask('fallback chain', fix='mend numpy first')
        if not chain.is_ok:
            yield replace(chain, state=BROKEN)
            return
        gpu = next((found.facts.get('name') for found in self.findings if found.name == 'CUDA'), None)
        for name in chain.facts['candidates']:
            self.on_step(f'timing {name}')
            finding = self._time_candidate(name, model, gpu if name.endswith(' cuda') else host)
            self.candidates.append(finding)
            yield finding

    def _time_candidate(self, name: str, model: Model, where: str | None) -> Finding:
        width, height = self.size
        found = ask(
            'candidate',
            timeout_s=CANDIDATE_TIMEOUT_S,
            name=name,
            model=str(model.graph()),
            width=width,
            height=height,
            runs=RUNS,
            warm_up=WARM_UP,
        )
        facts = {'candidate': name, **found.facts}
        if not found.is_ok:
            known = (other.name for other in self.findings if other.detail == found.detail)
            above = next((f'see {other} above' for other in known), found.detail)
            return replace(found, name=name, detail=above, facts=facts | {'line': found.detail})
        device = found.facts['device']
        where = where or device
        times = ' '.join(f'{percentile} {value:.1f}' for percentile, value in found.facts['ms'].items())
        label = device if device == where else f'{device}, {where}'
        detail = f'{times} ms over {RUNS} runs of {width}x{height} ({label})'
        return replace(found, name=name, detail=detail, facts=facts | {'where': where})
