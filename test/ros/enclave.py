"""A program, not a test: starts the node in its enclave, and tries what its policy allows and what not.

`python test/ros/enclave.py FOLDER`, itself in an enclave that may do all; `test_enclave.py` makes both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

from model_files import write_model
from node_harness import Bench, image_message, node_command, picture, pixels_of, wait_for

REMAPS = {'image_raw': '/front/image_raw', 'image_restored': '/front/image_restored'}
ENCLAVE = ['--enclave', '/restore_node']
#: Without keys: sees nothing of what is protected.
OUTSIDER = """
import time, rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('outsider')
camera = node.create_publisher(Image, '/front/image_raw', 1)
heard = []
node.create_subscription(Image, '/front/image_restored', heard.append, 1)
end = time.monotonic() + 5.0
while time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.1)
assert camera.get_subscription_count() == 0 and not heard
assert node.count_publishers('/front/image_restored') == 0
"""


def main() -> None:
    parameters = {'model': str(write_model(Path(sys.argv[1]))), 'max_age': 0.0}
    bench = Bench()
    bench.environment = {
        name: value for name, value in os.environ.items() if name != 'ROS_SECURITY_ENCLAVE_OVERRIDE'
    }
    try:
        node = bench.start([*node_command(parameters, REMAPS), *ENCLAVE])
        camera, received = bench.camera('/front/image_raw'), bench.detector('/front/image_restored')
        sent = image_message(picture(), bench.now())
        camera.publish(sent)
        wait_for(lambda: received, 'a restored frame')
        np.testing.assert_array_equal(pixels_of(received[0]), pixels_of(sent) + 10)
        bench.wait_for_diagnostics(lambda status: status['restored'] == '1', 'one restored frame')
        assert bench.lifecycle_state() == 'active'
        print('restored in its enclave')
        environment = bench.environment | {'ROS_SECURITY_ENABLE': 'false'}
        subprocess.run([sys.executable, '-c', OUTSIDER], env=environment, check=True, timeout=120)
        print('an outsider sees nothing')
        code = node.stop()
        assert code == 0, node.output
        assert 'Traceback' not in node.output
        elsewhere = REMAPS | {'image_restored': '/elsewhere/image_restored'}
        node = bench.start([*node_command(parameters, elsewhere), *ENCLAVE])
        assert node.wait() != 0, node.output
        print('another topic is refused:', node.lines[-1])
    finally:
        bench.close()


if __name__ == '__main__':
    main()
