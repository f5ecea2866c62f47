"""The services of the node: `~/reload` and `~/bypass`."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from restore_node.common.errors import RestoreError


class Services:
    """Answers requests about what the node does with its frames.

    `reload` has the model loaded anew, in the background, and raises a RestoreError where that cannot be.
    """

    def __init__(self, node: Node, reload: Callable[[], None]) -> None:
        self._node, self._reload_model = node, reload
        node.create_service(Trigger, '~/reload', self._reload)
        node.create_service(SetBool, '~/bypass', self._bypass)

    def _reload(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._reload_model()
        except RestoreError as error:
            response.success, response.message = False, str(error)
            return response
        response.success = True
        response.message = 'loading in the background; the present model restores until it is ready'
        return response

    def _bypass(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        (result,) = self._node.set_parameters([Parameter('bypass', value=request.data)])
        response.success = result.successful
        answer = 'frames pass through' if request.data else 'frames are restored'
        response.message = answer if result.successful else result.reason
        return response
