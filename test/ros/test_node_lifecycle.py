"""Every lifecycle transition of the node, driven through launch (launch_testing), and its exit code."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

import launch_testing.actions
import launch_testing.asserts
import pytest
from launch import LaunchDescription
from launch.actions import ExecuteProcess
from model_files import write_model
from node_harness import Bench, image_message, node_command, picture, wait_for

FOLDER = tempfile.TemporaryDirectory(prefix='restore_node_lifecycle_')
MODEL = Path(FOLDER.name) / 'plus-ten.onnx'


@pytest.mark.ros
@pytest.mark.launch_test
def generate_test_description():
    parameters = {'autostart': False, 'model': str(MODEL), 'on_failure': 'drop', 'retry': 0.2}
    node = ExecuteProcess(cmd=[*node_command(parameters, {})], output='screen', name=sys.executable)
    return LaunchDescription([node, launch_testing.actions.ReadyToTest()]), {'node': node}


class TestTransitions(unittest.TestCase):
    """The tests run in the order of their names, over one node."""

    @classmethod
    def setUpClass(cls):
        cls.bench = Bench()

    @classmethod
    def tearDownClass(cls):
        cls.bench.close()
        FOLDER.cleanup()

    def go(self, transition: str, state: str, success: bool = True):
        assert self.bench.transition(transition) == success, transition
        assert self.bench.lifecycle_state() == state

    def restore_one(self):
        camera, received = self.bench.camera(), self.bench.detector()
        camera.publish(image_message(picture(), self.bench.now()))
        wait_for(lambda: received, 'a restored frame')

    def test_1_starts_unconfigured(self):
        assert self.bench.lifecycle_state() == 'unconfigured'

    def test_2_configure_fails_without_a_model(self):
        self.go('configure', 'unconfigured', success=False)

    def test_3_configure_activate_and_back_twice(self):
        write_model(MODEL.parent)
        for _ in range(2):
            self.go('configure', 'inactive')
            assert self.bench.node.count_subscribers('/image_raw') == 0
            for _ in range(2):
                self.go('activate', 'active')
                self.restore_one()
                self.go('deactivate', 'inactive')
                wait_for(
                    lambda: self.bench.node.count_subscribers('/image_raw') == 0, 'the subscription to go'
                )
            self.go('cleanup', 'unconfigured')
            wait_for(lambda: self.bench.node.count_publishers('/image_restored') == 0, 'the publisher to go')

    def test_4_shutdown_while_active(self):
        self.go('configure', 'inactive')
        self.go('activate', 'active')
        self.go('active_shutdown', 'finalized')


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    """After SIGINT from launch."""

    def test_exit_code_is_zero(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
