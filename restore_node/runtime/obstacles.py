"""Obstacles: why candidates of the fallback chain are not used, for a while or for good."""

from __future__ import annotations

from collections.abc import Sequence

from restore_node.backends.base import Candidate
from restore_node.common.errors import BackendError, EngineError, RestoreError, UnavailableError
from restore_node.runtime.events import Request


class Obstacles:
    """What stands against each candidate: the lost GPU, what was given up for a request, and faults.

    Attributes:
        lost: why this process has lost the GPU; empty while it has not.
        faults: what opening failed with, by the candidate's name, in the attempt under way.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self.lost = ''
        self.faults: dict[str, RestoreError] = {}

    def against(self, candidate: Candidate, request: Request) -> str:
        """Say why a candidate is not opened now; empty if nothing stands against it."""
        if self.lost and candidate.on_gpu:
            return 'the GPU is lost'
        fault = self.faults.get(candidate.name)
        return request.given_up.get(candidate.name) or (str(fault) if fault else '')

    def note_loss(self, error: RestoreError) -> None:
        """Note whether an error means that the GPU is lost for this process."""
        if isinstance(error, EngineError) and error.sticky:
            self.lost = str(error)

    def better_than(self, candidate: Candidate) -> Sequence[Candidate]:
        """Return the candidates before this one in the fallback chain."""
        return self._candidates[: self._candidates.index(candidate)]

    def complaints(self, candidates: Sequence[Candidate], request: Request) -> list[str]:
        """Return a line for each candidate that should work and does not; what is lacking is no complaint."""
        lines = {
            candidate.name: self.against(candidate, request)
            for candidate in candidates
            if not isinstance(self.faults.get(candidate.name), UnavailableError)
        }
        return [f'{name}: {line}' for name, line in lines.items() if line]

    def may_pass(self, candidates: Sequence[Candidate], request: Request) -> bool:
        """Tell whether one of these may work later: it was not tried, or failed with what may pass."""
        return any(
            not (self.lost and candidate.on_gpu)
            and candidate.name not in request.given_up
            and not isinstance(self.faults.get(candidate.name), UnavailableError)
            for candidate in candidates
        )

    def summary(self, request: Request) -> RestoreError:
        """Say why no candidate could be opened, once where all say the same."""
        absent = [fault for fault in self.faults.values() if isinstance(fault, UnavailableError)]
        faults = {str(fault): fault for fault in self.faults.values() if fault not in absent}
        complaints = self.complaints(self._candidates, request)
        if len(faults) == 1 and len(self.faults) == len(self._candidates):
            return next(iter(faults.values()))
        if len(absent) == 1 and not complaints:
            return absent[0]
        seen = '; '.join([*complaints, *map(str, absent)])
        return BackendError('no backend can run the model', seen=seen)
