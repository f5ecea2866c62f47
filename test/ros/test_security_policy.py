"""The SROS 2 policy names what the node has, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from keystore import allowed
from node_harness import wait_for

pytestmark = pytest.mark.ros

POLICY = Path(__file__).parents[2] / 'config' / 'sros2' / 'restore_node.policy.xml'
NEW_IN_JAZZY = {'/restore_node/get_type_description'}


def test_the_policy_allows_what_the_node_has_and_nothing_else(bench):
    bench.start_node(
        backend='passthrough',
        remaps={'image_raw': '/front/image_raw', 'image_restored': '/front/image_restored'},
    )
    bench.detector('/front/image_restored')

    def names(kind: str) -> set[str]:
        ask = getattr(bench.node, f'get_{kind}_names_and_types_by_node')
        return {name for name, _ in ask('restore_node', '/')}

    missing = set() if os.environ['ROS_DISTRO'] == 'jazzy' else NEW_IN_JAZZY
    # Discovery brings one after the other, the services last.
    services = allowed(POLICY, 'service', 'reply') - missing
    wait_for(lambda: names('service') >= services, 'the services of the policy')
    assert names('service') == services
    assert names('publisher') == allowed(POLICY, 'topic', 'publish')
    assert names('subscriber') == allowed(POLICY, 'topic', 'subscribe')
    assert names('client') == set()
