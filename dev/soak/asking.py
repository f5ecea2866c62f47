"""Asking a node for a service although an answer may be lost.

A service is two DDS topics. The request can be matched, and arrive, before the node knows the client's reader
of the answer; Fast DDS then waits 0.1 s and drops the answer (ros2/rmw_fastrtps issue 842). So whoever needs
one asks again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

#: Seconds without an answer after which the request is sent once more.
AGAIN_S = 3.0
#: No transition has this label: refused in every state, as often as it is asked for.
_REFUSED = ChangeState.Request(transition=Transition(label='are_you_there'))


def ask(client: Any, request: Any, until: Callable[[Callable[[], Any], str], None]) -> Any:
    """The answer of a service.

    A request is repeated until it is answered, so it has to mean the same when it comes twice. A change of
    state does not: it is sent once, after one that is refused has been answered.

    Args:
        client: of rclpy.
        request: for it.
        until: waits for a condition, and says what it waits for when it gives up.
    """
    name = client.srv_name
    until(client.service_is_ready, f'service {name}')
    if isinstance(request, ChangeState.Request):
        until(_repeated(client, _REFUSED), f'an answer of {name}')
        future = client.call_async(request)
        until(future.done, f'the answer of {name}')
        return future.result()
    answer = _repeated(client, request)
    until(answer, f'an answer of {name}')
    return answer()


def _repeated(client: Any, request: Any) -> Callable[[], Any]:
    """Tells the first answer, or None; each call may send the request again."""
    futures: list[Any] = []
    sent = -math.inf

    def answer() -> Any:
        nonlocal sent
        answers = [future.result() for future in futures if future.done()]
        if not answers and time.monotonic() - sent > AGAIN_S:
            futures.append(client.call_async(request))
            sent = time.monotonic()
        return answers[0] if answers else None

    return answer
