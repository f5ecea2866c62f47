"""A program, not a test: starts the node in this environment, restores one frame, stops it.

`python test/ros/first_light.py FOLDER`; FOLDER takes the model. `test_distros.py` runs it under every ROS 2
distribution and RMW at hand.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

sys.path.extend(map(str, Path(__file__).resolve().parents[1:3]))

from model_files import write_model
from node_harness import Bench, image_message, picture, pixels_of, wait_for


def main() -> int:
    model = write_model(Path(sys.argv[1]))
    bench = Bench()
    try:
        node = bench.start_node(model=str(model))
        camera, received = bench.camera(), bench.detector()
        sent = image_message(picture(45, 61), bench.now())
        camera.publish(sent)
        wait_for(lambda: received, 'a restored frame')
        np.testing.assert_array_equal(pixels_of(received[0]), pixels_of(sent) + 10)
        assert received[0].header == sent.header
        bench.wait_for_diagnostics(lambda status: status['restored'] == '1', 'one restored frame')
        code = node.stop()
        if code != 0 or 'Traceback' in node.output:
            print(f'the node ended with {code}:\n{node.output}')
            return 1
        print(f'restored under {os.environ["ROS_DISTRO"]} and {os.environ["RMW_IMPLEMENTATION"]}')
        return 0
    finally:
        bench.close()


if __name__ == '__main__':
    sys.exit(main())
