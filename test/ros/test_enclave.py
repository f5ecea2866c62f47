"""The node in an SROS 2 enclave with the topics of its policy alone, where the RMW has DDS Security."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from keystore import EVERYTHING, grant_of, make_keystore

pytestmark = pytest.mark.ros

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / 'config' / 'sros2' / 'restore_node.policy.xml'
#: What rmw_fastrtps says where Fast DDS was built without.
NOT_BUILT_IN = "doesn't have the security libraries"


@pytest.mark.skipif(not shutil.which('openssl'), reason='openssl, which makes the keys, is not installed')
@pytest.mark.parametrize('rmw', ['rmw_fastrtps_cpp', 'rmw_cyclonedds_cpp'])
def test_the_node_works_in_its_enclave_and_nobody_sees_it_from_outside(tmp_path, rmw):
    grants = {'/restore_node': grant_of(POLICY), '/bench': EVERYTHING}
    make_keystore(tmp_path / 'keys', os.environ['ROS_DOMAIN_ID'], grants)
    run = subprocess.run(
        [sys.executable, ROOT / 'test' / 'ros' / 'enclave.py', tmp_path / 'models'],
        env=os.environ
        | {
            'RMW_IMPLEMENTATION': rmw,
            'ROS_SECURITY_KEYSTORE': str(tmp_path / 'keys'),
            'ROS_SECURITY_ENABLE': 'true',
            'ROS_SECURITY_STRATEGY': 'Enforce',
            'ROS_SECURITY_ENCLAVE_OVERRIDE': '/bench',
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    if NOT_BUILT_IN in run.stderr:
        pytest.skip(f'{rmw} of this runtime was built without DDS Security')
    assert run.returncode == 0, run.stdout + run.stderr
    assert 'another topic is refused' in run.stdout
