"""Managed: a lifecycle node that survives whatever transition somebody asks for.

rclpy of Humble and Jazzy lets a transition that is not possible now end the process (ros2/rclpy#1209), and
swallows what a transition's callback raises. Here the first is answered `success=False`, and both are logged.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from restore_node.common.errors import RestoreError

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def reported(transition: Transition) -> Transition:
    """Log what a transition raises, which rclpy would not: a user's error fails it, others are ours."""

    @functools.wraps(transition)
    def run(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except RestoreError as error:
            node.get_logger().error(str(error))
            return FAILURE
        except Exception:
            node.get_logger().error(f'{transition.__name__} failed: {traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR

    return run


class ManagedNode(LifecycleNode):
    """A lifecycle node whose `change_state` service answers every request."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # rclpy gives no way to put something before its handling of the request but the service's callback.
        service = self._service_change_state
        self._change_state, service.callback = service.callback, self._answer

    def _answer(self, request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        before = self._state_machine.current_state[1]
        try:
            return self._change_state(request, response)
        except Exception as error:  # RCLError, which rclpy does not export
            wanted = request.transition.label or f'transition {request.transition.id}'
            possible = ', '.join(f'{one[1]} ({one[0]})' for one in self._state_machine.available_transitions)
            self.get_logger().error(
                f'{wanted} refused: the node is {before}, from where one can: {possible or "do nothing"}; '
                f'beside a lifecycle manager start the node with autostart:=false ({error})'
            )
            response.success = False
            return response
