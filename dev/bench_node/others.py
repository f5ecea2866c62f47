"""What the node is compared with: `python -m dev.bench_node.others relay|plain`, from topic `in` to `out`.

`relay` forwards serialised bytes: less than it no Python node can do. `plain` is the usual node: it takes a
message, makes an OpenCV image of it as cv_bridge does, and publishes a new message of that.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

IN = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
OUT = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


def relay(node: Any) -> None:
    """Publish what comes, unseen."""
    publisher = node.create_publisher(Image, 'out', OUT)
    node.create_subscription(Image, 'in', publisher.publish, IN, raw=True)


def plain(node: Any) -> None:
    """Message to image as `imgmsg_to_cv2` with nothing to convert, image to message as `cv2_to_imgmsg`."""
    publisher = node.create_publisher(Image, 'out', OUT)

    def forward(message: Image) -> None:
        shape = message.height, message.width, 3
        image = np.ndarray(shape, np.uint8, message.data, strides=(message.step, 3, 1))
        answer = Image(
            header=message.header,
            height=image.shape[0],
            width=image.shape[1],
            encoding='bgr8',
            is_bigendian=0,
            step=3 * image.shape[1],
        )
        answer.data.frombytes(image.tobytes())
        publisher.publish(answer)

    node.create_subscription(Image, 'in', forward, IN)


def main() -> None:
    """Run one of them until a signal comes."""
    rclpy.init()
    node = rclpy.create_node('other')
    {'relay': relay, 'plain': plain}[sys.argv[1]](node)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
