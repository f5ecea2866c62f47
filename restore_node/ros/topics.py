"""Names of topics that belong together."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from restore_node.common.errors import ConfigError

IMAGE_IN = 'image_raw'
IMAGE_OUT = 'image_restored'
CAMERA_INFO = 'camera_info'
COMPRESSED = '/compressed'


class Resolve(Protocol):
    """Expands a relative name by the node's namespace and, unless told otherwise, remaps it."""

    def __call__(self, topic: str, *, only_expand: bool = False) -> str:
        """The resolved name."""


class CameraTopics(NamedTuple):
    """The topics of one camera, by their resolved names.

    Attributes:
        image: what is subscribed, with its `/compressed` where `compressed`.
        compressed: it carries `sensor_msgs/CompressedImage`.
        camera_info: of the input.
        restored: the restored image; compressed beside it, under its name and `/compressed`.
        restored_info: the camera_info beside it; empty where it is the input's own.
    """

    image: str
    compressed: bool
    camera_info: str
    restored: str
    restored_info: str

    @property
    def ends(self) -> set[str]:
        """`TOPIC.subscription` and `TOPIC.publisher` of each, as in `qos_overrides`."""
        ends = {f'{self.image}.subscription', f'{self.restored}.publisher'}
        ends.add(f'{self.restored}{COMPRESSED}.publisher')
        if self.restored_info:
            ends |= {f'{self.camera_info}.subscription', f'{self.restored_info}.publisher'}
        return ends


def sibling(topic: str, name: str) -> str:
    """The topic `name` beside a resolved topic: `/front/image_raw`, `camera_info` -> `/front/camera_info`."""
    return topic.rsplit('/', 1)[0] + '/' + name


def camera_info_of(image_topic: str) -> str:
    """The camera_info topic that belongs to a resolved image topic (image_transport's convention)."""
    return sibling(image_topic, CAMERA_INFO)


def camera_topics(resolve: Resolve, image_transport: str) -> CameraTopics:
    """The topics of a node's camera.

    An input whose name ends in `/compressed` is compressed, whatever the parameter says: by convention nobody
    publishes raw images there. The camera_info lies beside the image, unless `camera_info` is remapped.

    Args:
        resolve: the node's `resolve_topic_name`.
        image_transport: the parameter.

    Raises:
        ConfigError: input and output are the same topic, or the output's name is one of compressed images.
    """
    given, restored = resolve(IMAGE_IN), resolve(IMAGE_OUT)
    raw = given.removesuffix(COMPRESSED)
    compressed = image_transport == 'compressed' or raw != given
    if restored == raw:
        raise ConfigError(
            'input and output are the same topic', seen=restored, fix=f'remap {IMAGE_OUT} elsewhere'
        )
    if restored.endswith(COMPRESSED):
        raise ConfigError(
            f'{IMAGE_OUT} is remapped to a topic of compressed images',
            seen=restored,
            wanted=restored.removesuffix(COMPRESSED),
            fix='restored images are raw',
        )
    info = resolve(camera_info_of(raw))
    if resolve(CAMERA_INFO) != resolve(CAMERA_INFO, only_expand=True):
        info = resolve(CAMERA_INFO)
    restored_info = resolve(camera_info_of(restored))
    # Where both images lie side by side their camera_info is one topic: republishing it would be a loop.
    return CameraTopics(
        raw + COMPRESSED * compressed, compressed, info, restored, restored_info * (restored_info != info)
    )
