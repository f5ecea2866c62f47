"""The DDS settings of config/dds: they load, and big images of a best-effort camera come through."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rclpy.utilities import get_rmw_implementation_identifier

pytestmark = pytest.mark.ros

FOLDER = Path(__file__).parents[2] / 'config' / 'dds'
SETTINGS = {
    'rmw_fastrtps_cpp': ('FASTRTPS_DEFAULT_PROFILES_FILE', str(FOLDER / 'fastdds.xml')),
    'rmw_cyclonedds_cpp': ('CYCLONEDDS_URI', f'file://{FOLDER / "cyclonedds.xml"}'),
}
# A process of its own: a DDS library reads its settings once, and other tests have used it here before.
CAMERA = """
import time
import numpy as np
from node_harness import BEST_EFFORT, Bench, image_message, wait_for
bench = Bench()
try:
    bench.start_node(backend='passthrough', max_age=0.0)
    camera, received = bench.camera(qos=BEST_EFFORT), bench.detector()
    message = image_message(np.zeros((1080, 1920, 3), np.uint8), bench.now())

    def five_came():
        # Best effort may lose one: on a busy machine, or where one end does not know the other yet.
        camera.publish(message)
        time.sleep(0.2)
        return len(received) >= 5

    wait_for(five_came, 'five images')
finally:
    bench.close()
"""


def test_big_images_of_a_best_effort_camera_come_through():
    name, value = SETTINGS[get_rmw_implementation_identifier()]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [sys.executable, '-c', CAMERA],
        env=os.environ | {name: value, 'PYTHONPATH': path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
