"""The node's parameters: what was given at the start, held to what exists, and what they are now."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from restore_node.backends.base import Candidate
from restore_node.backends.fallback import fallback_chain
from restore_node.common.errors import ConfigError
from restore_node.model import load_model
from restore_node.ros.overrides import judge_qos_overrides, judge_unknown
from restore_node.ros.parameters import restore_parameters
from restore_node.ros.topics import CameraTopics, check_names

Params: TypeAlias = restore_parameters.Params

#: Declared by the library that publishes diagnostics.
UPDATER_PERIOD = 'diagnostic_updater.period'


class LiveSettings:
    """Declares the parameters and keeps up with their changes.

    Args:
        node: whose parameters they are.
        on_model: called with the name or path of another model once it is asked for.

    Attributes:
        now: the parameters as they are now; another object after each change.

    Raises:
        ConfigError: a parameter has an impossible value.
    """

    def __init__(self, node: Node, on_model: Callable[[str], None]) -> None:
        self._on_model = on_model
        _take_integers_for_floats(node)
        _refuse_no_cameras(node)
        try:
            listener = restore_parameters.ParamListener(node)
        except Exception as error:  # rclpy raises several kinds, all about a parameter's value
            raise ConfigError('a parameter has an impossible value', seen=error) from error
        self.now: Params = listener.get_params()
        listener.set_user_callback(self._take)
        node.add_on_set_parameters_callback(_check_model)

    def _take(self, settings: Params) -> None:
        before, self.now = self.now, settings
        if settings.model != before.model:
            self._on_model(settings.model)


def candidates_of(settings: Params) -> list[Candidate]:
    """The fallback chain that the parameters choose and tune; raises BackendError as `fallback_chain`."""
    engine = settings.engine
    options = {
        'precision': engine.precision,
        'optimization_level': engine.optimization_level,
        'workspace_mib': engine.workspace_mib,
        'min_psnr_db': engine.min_psnr_db,
        'zero_copy': engine.zero_copy,
        'cameras': len(settings.cameras),
    }
    return fallback_chain(settings.backend, settings.device, settings.threads, options)


def refuse_unknown_parameters(node: Node, cameras: Iterable[CameraTopics]) -> None:
    """A misspelt parameter would be ignored without a word by rclpy, and its user left to wonder.

    What a file sets for several nodes may be another's, and is no more than a warning.

    Raises:
        ConfigError: a parameter was given, for this node alone, that nobody has declared; or a QoS override
            of a topic, policy or value that there is not.
    """
    given = {name for name in node._parameter_overrides if not name.startswith('qos_overrides.')}
    unknown = {name for name in given if not node.has_parameter(name)}
    known = sorted(name for name in node._parameters if '.' not in name)
    given_qos = {
        name: parameter.value
        for name, parameter in node._parameter_overrides.items()
        if name.startswith('qos_overrides.')
    }
    ends = {end for camera in cameras for end in camera.ends}
    lines = judge_unknown(unknown, known, sys.argv)
    for line in lines + judge_qos_overrides(given_qos, ends, sys.argv):
        node.get_logger().warning(line)


def _take_integers_for_floats(node: Node) -> None:
    """`max_age:=1` means 1.0: rclpy would refuse it for its type."""
    floats = {UPDATER_PERIOD, *(name for name, value in _defaults(Params()) if isinstance(value, float))}
    for name, parameter in node._parameter_overrides.items():
        if name in floats and parameter.type_ is Parameter.Type.INTEGER:
            node._parameter_overrides[name] = Parameter(name, value=float(parameter.value))


def _refuse_no_cameras(node: Node) -> None:
    """`cameras: []` comes without type and value, and rclpy would complain of a type that nobody gave."""
    given = node._parameter_overrides.get('cameras')
    if given is not None and given.type_ is Parameter.Type.NOT_SET:
        check_names([])


def _defaults(group: object, prefix: str = '') -> Iterator[tuple[str, object]]:
    """Name and default of each declared parameter; a group's is `group.name`."""
    for name in (name for name in dir(group) if not name.startswith('_') and not name.endswith('_')):
        value = getattr(group, name)
        if isinstance(value, (bool, int, float, str)):
            yield prefix + name, value
        elif not callable(value):
            yield from _defaults(value, f'{prefix}{name}.')


def _check_model(parameters: list[Parameter]) -> SetParametersResult:
    for parameter in parameters:
        if parameter.name == 'model':
            try:
                load_model(str(parameter.value))
            except Exception as error:  # whatever a file makes a library raise, the answer is no
                return SetParametersResult(successful=False, reason=str(error) or type(error).__name__)
    return SetParametersResult(successful=True)
