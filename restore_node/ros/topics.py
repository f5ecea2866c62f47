"""Names of topics that belong together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

from restore_node.common.errors import ConfigError

IMAGE_IN = 'image_raw'
IMAGE_OUT = 'image_restored'
CAMERA_INFO = 'camera_info'
COMPRESSED = '/compressed'

#: A camera without a name has its topics beside the node, and is the only one.
UNNAMED = ''
_WORD = '[A-Za-z_][A-Za-z0-9_]*'

#: The node's `resolve_topic_name`: expands a relative name by the namespace and, unless told
#: `only_expand=True`, remaps it.
Resolve = Callable[..., str]


class CameraTopics(NamedTuple):
    """The topics of one camera, by their resolved names.

    Attributes:
        prefix: what its topics and its status begin with: the camera's name and a slash, or nothing.
        image: what is subscribed, with its `/compressed` where `compressed`.
        compressed: it carries `sensor_msgs/CompressedImage`.
        camera_info: of the input.
        restored: the restored image; compressed beside it, under its name and `/compressed`.
        restored_info: the camera_info beside it; empty where it is the input's own.
    """

    prefix: str
    image: str
    compressed: bool
    camera_info: str
    restored: str
    restored_info: str

    @property
    def whole(self) -> list[str]:
        """Topics that this camera shares with no other; several may have one calibration."""
        return [topic for topic in (_raw(self.image), self.restored, self.restored_info) if topic]

    @property
    def ends(self) -> set[str]:
        """`TOPIC.subscription` and `TOPIC.publisher` of each, as in `qos_overrides`."""
        ends = {f'{self.image}.subscription', f'{self.restored}.publisher'}
        ends.add(f'{self.restored}{COMPRESSED}.publisher')
        if self.restored_info:
            ends |= {f'{self.camera_info}.subscription', f'{self.restored_info}.publisher'}
        return ends


def camera_info_of(image_topic: str) -> str:
    """The camera_info topic beside a resolved image topic: `/front/image_raw` -> `/front/camera_info`."""
    return f'{image_topic.rpartition("/")[0]}/{CAMERA_INFO}'


def topics_of(names: Sequence[str], resolve: Resolve, image_transport: str) -> list[CameraTopics]:
    """The topics of a node's cameras, by the parameters `cameras` and `image_transport`.

    Raises:
        ConfigError: names that are none or doubled, or topics that cannot be meant.
    """
    check_names(names)
    for topic in (IMAGE_IN, IMAGE_OUT, CAMERA_INFO) if UNNAMED not in names else ():
        if resolve(topic) != resolve(topic, only_expand=True):
            raise ConfigError(
                f'{topic} is remapped, and no camera has it', fix=f'remap {names[0]}/{topic} and so on'
            )
    cameras = [camera_topics(name, resolve, image_transport) for name in names]
    for one, other in permutations(cameras, 2):
        for topic in one.whole:
            if topic in (*other.whole, other.camera_info):
                seen = f'{topic} of {one.prefix}image_raw and {other.prefix}image_raw'
                raise ConfigError('two cameras have a topic in common', seen=seen, fix='remap one of them')
    return cameras


def check_names(names: Sequence[str]) -> None:
    """Raise a ConfigError where these cannot be the names of a node's cameras."""
    if not names:
        wanted = 'names such as [front, left, right, rear]'
        raise ConfigError('cameras is empty', seen='[]', wanted=wanted, fix='leave it out for one camera')
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError('cameras names one twice', seen=repr(doubled[0]), fix='give each its own name')
    for name in names if list(names) != [UNNAMED] else ():
        if not re.fullmatch(f'{_WORD}(/{_WORD})*', name):
            raise ConfigError(
                'cameras has a name that no topic can have',
                seen=repr(name),
                wanted='words of letters, digits and _, with / between them, none beginning with a digit',
                fix='change it',
            )


def camera_topics(name: str, resolve: Resolve, image_transport: str) -> CameraTopics:
    """The topics of one camera.

    An input whose name ends in `/compressed` is compressed, whatever the parameter says: by convention nobody
    publishes raw images there. The camera_info lies beside the image, unless `camera_info` is remapped.

    Raises:
        ConfigError: input and output are the same topic, or the output's name is one of compressed images.
    """
    prefix = f'{name}/' if name else ''
    image_in, image_out, camera_info = (prefix + topic for topic in (IMAGE_IN, IMAGE_OUT, CAMERA_INFO))
    given, restored = resolve(image_in), resolve(image_out)
    raw = _raw(given)
    compressed = image_transport == 'compressed' or raw != given
    if restored == raw:
        raise ConfigError(
            'input and output are the same topic', seen=restored, fix=f'remap {image_out} elsewhere'
        )
    if restored.endswith(COMPRESSED):
        raise ConfigError(
            f'{image_out} is remapped to a topic of compressed images',
            seen=restored,
            wanted=_raw(restored),
            fix='restored images are raw',
        )
    info = resolve(camera_info_of(raw))
    if resolve(camera_info) != resolve(camera_info, only_expand=True):
        info = resolve(camera_info)
    restored_info = resolve(camera_info_of(restored))
    # Where both images lie side by side their camera_info is one topic: republishing it would be a loop.
    restored_info *= restored_info != info
    return CameraTopics(prefix, raw + COMPRESSED * compressed, compressed, info, restored, restored_info)


def _raw(topic: str) -> str:
    return topic.removesuffix(COMPRESSED)
