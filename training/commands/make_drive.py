"""Make the demo's input: a degraded drive as a rosbag2 bag, with the sharp, dry truth beside it.

    python -m training.commands.make_drive OUT [--size 640x360] [--rate 10] [--seconds 12] [--seed 7]
        [--video FILE]

The folder is described in docs/contracts.md, section 4. The same seed makes the same folder.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rosbags.typesys import Stores, get_typestore

from restore_node.common.atomic import Unfinished
from restore_node.common.errors import InputError
from restore_node.common.image_files import write_rgb
from restore_node.messages.bag import BagWriter, Message, Topic, qos
from restore_node.messages.cdr import CAMERA_INFO_TYPE, IMAGE_TYPE
from restore_node.messages.codec import encode
from restore_node.messages.frame import Frame, Header
from training.commands.cli import command_parser, one_line_errors, positive
from training.drive import scenes
from training.drive.weather import SEGMENTS, Degrader

CLEAN_SHARE = 1 / 12
IMAGE_TOPIC = '/camera/image_raw'
INFO_TOPIC = '/camera/camera_info'
FRAME_ID = 'camera'
FIRST_STAMP_NS = 1_700_000_000_000_000_000


def split(frames: int) -> list[dict[str, Any]]:
    """The segments of a drive in order: a short clean one, then equal parts; `{name, first, count}` each.

    Raises InputError where there are fewer frames than segments.
    """
    if frames < len(SEGMENTS):
        raise InputError('the drive is too short', seen=f'{frames} frames', wanted=f'{len(SEGMENTS)} or more')
    clean = max(1, round(frames * CLEAN_SHARE))
    edges = [0, *np.linspace(clean, frames, len(SEGMENTS)).round().astype(int).tolist()]
    return [
        {'name': name, 'first': first, 'count': last - first}
        for name, (first, last) in zip(SEGMENTS, pairwise(edges), strict=True)
    ]


class Footage(NamedTuple):
    """What a drive is made of: a text that says so, size and number of frames, and the frames as views."""

    source: str
    size: scenes.Size
    frames: int
    views: Iterator[scenes.View]


def film_photographs(size: scenes.Size, rate_hz: float, frames: int, seed: int) -> Footage:
    """Every photograph in every segment, one after the other, under a camera that moves."""
    photographs = scenes.load_photographs(size)
    segments = split(frames)
    camera = scenes.VirtualCamera(np.random.default_rng(seed), size[1])

    def views() -> Iterator[scenes.View]:
        pictures = list(photographs.values())
        for segment in segments:
            for index in range(segment['count']):
                time_s = (segment['first'] + index) / rate_hz
                picture = pictures[index * len(pictures) // segment['count']]
                yield camera.view(picture, time_s, size)

    source = f'scikit-image {version("scikit-image")}: {", ".join(photographs)}'
    return Footage(source, size, frames, views())


def film_video(video: Path, size: scenes.Size, rate_hz: float, frames: int, seed: int) -> Footage:
    """A video under a camera that shakes; it may be shorter, and its frames smaller, than asked."""
    # Read once for its size and length, which a container may state wrongly, and again as it is written.
    sizes = [picture.shape[1::-1] for picture in scenes.read_video(video, size, rate_hz, frames)]
    width, height = sizes[0]
    camera = scenes.VirtualCamera(np.random.default_rng(seed), height)
    pictures = scenes.read_video(video, size, rate_hz, frames)
    views = (camera.view(picture, index / rate_hz) for index, picture in enumerate(pictures))
    return Footage(video.name, (width, height), len(sizes), views)


def make_drive(
    out: Path, *, size: scenes.Size, rate_hz: float, seconds: float, seed: int, video: Path | None = None
) -> dict[str, Any]:
    """Write a drive folder, which appears when it is complete, and return the content of its `drive.json`.

    A video is degraded instead of scikit-image's photographs, where one is given; a smaller or shorter one
    keeps its own size and length. Raises RestoreError where the folder exists, no photograph is large enough,
    or the video cannot be used.
    """
    frames = round(seconds * rate_hz)
    if video is None:
        footage = film_photographs(size, rate_hz, frames, seed)
    else:
        footage = film_video(video, size, rate_hz, frames, seed)
    drive = {
        'format': 1,
        'topic': IMAGE_TOPIC,
        'width': footage.size[0],
        'height': footage.size[1],
        'rate_hz': rate_hz,
        'seed': seed,
        'source': footage.source,
        'segments': split(footage.frames),
        'stamps_ns': [FIRST_STAMP_NS + round(index * 1e9 / rate_hz) for index in range(footage.frames)],
    }
    with Unfinished(out) as folder:
        (folder / 'truth').mkdir(parents=True)
        _write_frames(folder, drive, footage.views)
        (folder / 'drive.json').write_text(json.dumps(drive, indent=1) + '\n')
    return drive


def _write_frames(folder: Path, drive: dict[str, Any], views: Iterator[scenes.View]) -> None:
    size = drive['width'], drive['height']
    with BagWriter(folder / 'bag') as bag:
        for name, message_type in ((INFO_TOPIC, CAMERA_INFO_TYPE), (IMAGE_TOPIC, IMAGE_TYPE)):
            bag.add_topic(Topic(name, message_type, qos=(qos('reliable', depth=10),)))
        for number, segment in enumerate(drive['segments']):
            degrader = Degrader(
                SEGMENTS[segment['name']], size, np.random.default_rng([drive['seed'], number])
            )
            for index in range(segment['first'], segment['first'] + segment['count']):
                view, stamp_ns = next(views), drive['stamps_ns'][index]
                header = Header(stamp_ns // 1_000_000_000, stamp_ns % 1_000_000_000, FRAME_ID)
                bag.write(Message(INFO_TOPIC, CAMERA_INFO_TYPE, stamp_ns, camera_info(header, size)))
                frame = Frame(degrader.degrade(view), 'rgb8', header)
                bag.write(Message(IMAGE_TOPIC, IMAGE_TYPE, stamp_ns, bytes(encode(frame.pixels, frame))))
                write_rgb(folder / 'truth' / f'{index:06d}.png', view.sharp)


def camera_info(header: Header, size: scenes.Size) -> bytes:
    """A serialised `sensor_msgs/CameraInfo`: a pinhole of 64 degrees across, without distortion."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    width, height = size
    focal, centre_x, centre_y = 0.8 * width, (width - 1) / 2.0, (height - 1) / 2.0
    message = types[CAMERA_INFO_TYPE](
        header=types['std_msgs/msg/Header'](
            stamp=types['builtin_interfaces/msg/Time'](sec=header.sec, nanosec=header.nanosec),
            frame_id=header.frame_id,
        ),
        height=height,
        width=width,
        distortion_model='plumb_bob',
        d=np.zeros(5),
        k=np.array([focal, 0, centre_x, 0, focal, centre_y, 0, 0, 1], np.float64),
        r=np.eye(3).ravel(),
        p=np.array([focal, 0, centre_x, 0, 0, focal, centre_y, 0, 0, 0, 1, 0], np.float64),
        binning_x=0,
        binning_y=0,
        roi=types['sensor_msgs/msg/RegionOfInterest'](
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        ),
    )
    return bytes(store.serialize_cdr(message, CAMERA_INFO_TYPE))


def _size(text: str) -> scenes.Size:
    match = re.fullmatch(r'(\d+)x(\d+)', text)
    if not match or min(size := (int(match[1]), int(match[2]))) < 64:
        raise argparse.ArgumentTypeError(f'got {text!r}, want WIDTHxHEIGHT of 64x64 or more, such as 640x360')
    return size


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """The command: see the module's docstring."""
    parser = command_parser(__file__, __doc__)
    add = parser.add_argument
    add('out', type=Path, help='folder to make; must not exist')
    add('--size', type=_size, default=(640, 360), help='of the frames (default 640x360)')
    add('--rate', type=positive, default=10.0, help='frames per second (default 10)')
    add('--seconds', type=positive, default=12.0, help='length of the drive (default 12)')
    add('--seed', type=int, default=7, help='of all that is random (default 7)')
    add('--video', type=Path, help='degrade this video instead of the photographs')
    given = parser.parse_args(arguments)
    asked = {'size': given.size, 'rate_hz': given.rate, 'seconds': given.seconds, 'seed': given.seed}
    drive = make_drive(given.out, **asked, video=given.video)
    frames = f'{len(drive["stamps_ns"])} frames of {drive["width"]}x{drive["height"]}'
    print(f'{given.out}: {frames} from {drive["source"]}')


if __name__ == '__main__':
    sys.exit(main())
