"""Restore an image, a folder of images, or a video, without ROS: `restore_image IN OUT`.

A folder is searched to the bottom and keeps its names; what is no image stays behind. OUT appears when it is
complete.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from restore_node.backends.base import Backend
from restore_node.common.atomic import Unfinished
from restore_node.common.console import progress_bar
from restore_node.common.errors import EncodingError, InputError
from restore_node.common.image_files import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    images_under,
    read_file,
    write_image,
)
from restore_node.messages import codec, compressed
from restore_node.messages.frame import Frame, Header
from restore_node.runtime.restore import restore_frame
from restore_node.tools.cli import add_backend_arguments, chosen_backend, run_command, runs_on

JPEG_SIGNATURE = b'\xff\xd8'
DEFAULT_FPS = 30.0
#: By the type of the pixels' values and the number of channels.
ENCODINGS = {
    ('uint8', 1): 'mono8',
    ('uint8', 3): 'bgr8',
    ('uint8', 4): 'bgra8',
    ('uint16', 1): 'mono16',
    ('uint16', 3): 'bgr16',
}


def read_image(path: Path) -> Frame:
    """Read an image file as a frame: gray, colour, or colour with alpha; 8 bits, or 16 without alpha.

    Raises:
        InputError: it cannot be read as an image.
    """
    data = read_file(path)
    _check_sizes(path, compressed.read_sizes(data))
    if compressed.ends_early(data):
        raise InputError(
            f'cannot read {path} as an image',
            seen='a file that ends early, or of more than 16 bits or four channels',
            fix='copy it again, or convert it',
        )
    # A photograph is turned as its camera noted, for the note gets lost; alpha needs the file as it is.
    turned = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    flags = turned if data.startswith(JPEG_SIGNATURE) else cv2.IMREAD_UNCHANGED
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if pixels is None:
        raise InputError(
            f'cannot read {path} as an image', seen=f'{len(data)} bytes', fix='check that it opens'
        )
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    encoding = ENCODINGS.get((str(pixels.dtype), channels))
    if encoding is None:
        raise InputError(
            f'cannot restore {path}',
            seen=f'{channels} channels of {pixels.dtype}',
            wanted='gray or colour of 8 or 16 bits, alpha with 8 bits only',
            fix='convert it first',
        )
    _check_sizes(path, [pixels.shape[:2]])
    return Frame(pixels, encoding, Header(0, 0, ''))


def _check_sizes(path: Path, sizes: Sequence[tuple[int, int]]) -> None:
    try:
        for height, width in sizes:
            codec.check_size(height, width)
    except EncodingError as err:
        raise InputError(f'cannot restore {path}', seen=err) from err


def restore_pixels(frame: Frame, backend: Backend) -> np.ndarray:
    """Return the restored pixels in the frame's own encoding and shape."""
    restored = codec.decode(codec.encode(restore_frame(backend, frame).rgb, frame)).pixels
    return np.ascontiguousarray(restored)


def restore_file(source: Path, out: Path, backend: Backend) -> int:
    """Restore one image into a file, or into a folder under its own name; return 1.

    Raises:
        InputError: it cannot be read or written as an image, or the output exists.
    """
    out = _named(out, source.name, IMAGE_SUFFIXES)
    frame = read_image(source)
    with Unfinished(out) as path:
        write_image(path, restore_pixels(frame, backend))
    return 1


def restore_folder(source: Path, out: Path, backend: Backend) -> int:
    """Restore every image below a folder into another of the same names; return how many.

    What has the name of an image but cannot be read as one is copied.

    Raises:
        InputError: there are no images, one cannot be written, or the output exists.
    """
    paths = images_under(source)
    if not paths:
        raise InputError(f'no images below {source}', wanted=' '.join(IMAGE_SUFFIXES))
    if source.resolve() in out.resolve().parents:
        raise InputError('the output lies inside the input', seen=out, fix='choose a folder beside it')
    restored = 0
    with Unfinished(out) as folder, progress_bar() as bar:
        for path in bar.track(paths, description='restoring'):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                frame = read_image(path)
            except InputError as err:
                bar.console.print(f'copied as it is: {err}', markup=False)
                shutil.copyfile(path, target)
                continue
            write_image(target, restore_pixels(frame, backend))
            restored += 1
    return restored


def restore_video(source: Path, out: Path, backend: Backend) -> int:
    """Restore a video into an .mp4 without sound; return how many frames.

    Raises:
        InputError: it cannot be read as a video, or written; or the output exists.
    """
    out = _named(out, f'{source.stem}.mp4', ('.mp4',))
    video = cv2.VideoCapture(str(source))
    done, picture = video.read()
    if not done:
        raise InputError(f'cannot read {source} as a video', fix='check that it plays')
    fps, frames = video.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS, 0
    expected = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    with Unfinished(out) as path, progress_bar() as bar:
        task = bar.add_task('restoring', total=expected if expected > 0 else None)
        code = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(path), code, fps, picture.shape[1::-1])
        if not writer.isOpened():
            raise InputError(f'cannot write {out}', fix='check permissions and free space')
        try:
            while done:
                writer.write(restore_pixels(Frame(picture, 'bgr8', Header(0, 0, '')), backend))
                frames += 1
                bar.advance(task)
                done, picture = video.read()
        finally:
            writer.release()
    return frames


def _named(out: Path, name: str, suffixes: Sequence[str]) -> Path:
    """The file to write: `out`, or `name` in it where it is a folder."""
    out = out / name if out.is_dir() or not out.suffix else out
    if out.suffix.lower() not in suffixes:
        raise InputError(
            f'cannot write {out.name}', seen=out.suffix or 'no suffix', wanted=' '.join(suffixes)
        )
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='restore_image', description='Restore an image, a folder of images, or a video.'
    )
    parser.add_argument('source', metavar='IN', type=Path, help='image, folder or video')
    parser.add_argument('out', metavar='OUT', type=Path, help='what to make; must not exist')
    add_backend_arguments(parser)
    run_command(_command, parser, arguments)


def _command(given: argparse.Namespace) -> None:
    source: Path = given.source
    if not source.exists():
        raise InputError(f'nothing at {source}', fix='check the path')
    is_video = source.suffix.lower() in VIDEO_SUFFIXES
    restore = restore_folder if source.is_dir() else restore_video if is_video else restore_file
    started = time.monotonic()
    with chosen_backend(given) as backend:
        count = restore(source, given.out, backend)
        model = runs_on(backend)
    print(f'{given.out}: {count} images restored in {time.monotonic() - started:.1f} s by {model}')


if __name__ == '__main__':
    main()
