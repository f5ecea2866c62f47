"""An answer that is lost, as at discovery over Fast DDS, is asked for again; a transition goes out once."""

from __future__ import annotations

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.service import Service

pytestmark = pytest.mark.ros


@pytest.mark.parametrize(
    ('kind', 'request_'),
    [
        (GetState, GetState.Request()),
        (ChangeState, ChangeState.Request(transition=Transition(label='configure'))),
    ],
)
def test_a_lost_answer_is_asked_for_again_and_a_transition_once(bench, monkeypatch, kind, request_):
    arrived = []

    def lose_the_first(service, response, header, send=Service.send_response):
        if len(arrived) > 1:
            send(service, response, header)

    def handle(request, response):
        arrived.append(request)
        return response

    monkeypatch.setattr(Service, 'send_response', lose_the_first)
    bench.node.create_service(kind, '/lossy', handle)
    assert isinstance(bench.call(kind, '/lossy', request_), kind.Response)
    assert len(arrived) > 1
    assert arrived.count(request_) == (1 if kind is ChangeState else len(arrived))
