"""Requests that are not possible: each is answered, and the node lives; beside a lifecycle manager, too."""

from __future__ import annotations

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from node_harness import image_message, picture, wait_for
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically

pytestmark = pytest.mark.ros

CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE, ACTIVE_SHUTDOWN = 1, 2, 3, 4, 7


def ask(bench, number: int, label: str = '', node: str = '/restore_node') -> bool:
    """Whether a transition by its number (or label) succeeded; fails where there is no answer."""
    request = ChangeState.Request(transition=Transition(id=number, label=label))
    return bench.call(ChangeState, f'{node}/change_state', request).success


def assert_restores(bench):
    camera, received = bench.camera(), bench.detector()
    camera.publish(image_message(picture(), bench.now()))
    wait_for(lambda: received, 'a restored frame')


def test_impossible_transitions_are_refused_and_the_node_lives(bench, make_model):
    node = bench.start_node(model=str(make_model()), autostart=False)
    for number, label in (
        (ACTIVATE, ''),
        (DEACTIVATE, ''),
        (CLEANUP, ''),
        (200, ''),
        (0, 'nonsense'),
        (30, ''),
    ):
        assert not ask(bench, number, label), (number, label)
        assert bench.lifecycle_state() == 'unconfigured'
    assert ask(bench, 0, 'configure')
    for number in (CONFIGURE, DEACTIVATE, ACTIVE_SHUTDOWN, 255):
        assert not ask(bench, number), number
        assert bench.lifecycle_state() == 'inactive'
    assert ask(bench, ACTIVATE)
    for number in (CONFIGURE, ACTIVATE, CLEANUP):
        assert not ask(bench, number), number
        assert bench.lifecycle_state() == 'active'
    assert_restores(bench)
    assert ask(bench, ACTIVE_SHUTDOWN)
    assert not ask(bench, CONFIGURE)
    assert bench.lifecycle_state() == 'finalized'
    assert node.stop() == 0
    assert 'Traceback' not in node.output
    assert 'transition 1 refused: the node is active' in node.output


def test_a_manager_beside_autostart_does_no_harm(bench, make_model):
    """What nav2's lifecycle manager does at bring-up and at its end, to a node that has started by itself."""
    node = bench.start_node(model=str(make_model()))
    for number in (CONFIGURE, ACTIVATE):
        assert not ask(bench, number)
    state = bench.call(GetState, '/restore_node/get_state', GetState.Request()).current_state
    assert state.label == 'active'
    assert_restores(bench)
    for number in (DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE):  # the manager's reset, then its start-up
        assert ask(bench, number)
    assert_restores(bench)
    assert 'autostart:=false' in node.output
    assert node.stop() == 0


def value(kind: int, **content: object) -> ParameterValue:
    return ParameterValue(type=kind, **content)


def test_parameters_of_the_wrong_kind_are_refused_and_the_node_lives(bench, make_model):
    node = bench.start_node(model=str(make_model()))
    parameters = [
        Parameter(name='model', value=value(2, integer_value=5)),
        Parameter(name='model', value=value(0)),
        Parameter(name='max_age', value=value(4, string_value='soon')),
        Parameter(name='max_age', value=value(8, double_array_value=[0.1])),
        Parameter(name='max_age', value=value(3, double_value=float('nan'))),
        Parameter(name='bypass', value=value(4, string_value='yes')),
        Parameter(name='use_sim_time', value=value(2, integer_value=1)),
        Parameter(name='nonsense', value=value(1, bool_value=True)),
        Parameter(name='diagnostic_updater.period', value=value(4, string_value='often')),
    ]
    for parameter in parameters:
        request = SetParameters.Request(parameters=[parameter])
        (result,) = bench.call(SetParameters, '/restore_node/set_parameters', request).results
        assert not result.successful, parameter
        assert result.reason, parameter
    request = SetParametersAtomically.Request(parameters=parameters)
    answer = bench.call(SetParametersAtomically, '/restore_node/set_parameters_atomically', request)
    assert not answer.result.successful
    assert_restores(bench)
    assert node.stop() == 0
    assert 'Traceback' not in node.output
