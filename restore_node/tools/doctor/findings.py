"""What the doctor finds: one line for each thing that the node may need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: States of a thing: it works, this machine has none, or it is here and does not work.
OK, ABSENT, BROKEN = 'ok', 'not here', 'broken'


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: `OK`, `ABSENT` or `BROKEN`.
        detail: what was seen, in a line.
        fix: how to mend it; empty where nothing is to be mended.
        facts: the same for machines.
    """

    name: str
    state: str
    detail: str = ''
    fix: str = ''
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Whether it works."""
        return self.state == OK
