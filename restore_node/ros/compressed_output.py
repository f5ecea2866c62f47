"""CompressedOutput: the restored image as jpeg or png, for networks and recorders."""

from __future__ import annotations

from collections.abc import Callable

from restore_node.common.errors import EncodingError
from restore_node.messages import codec
from restore_node.ros.parameters import restore_parameters


class CompressedOutput:
    """Publishes serialised images as `sensor_msgs/CompressedImage`, as image_transport's plugin does.

    Args:
        publish: takes the serialised message.
        settings: returns the parameters as they are now.
    """

    def __init__(
        self, publish: Callable[[bytes], None], settings: Callable[[], restore_parameters.Params]
    ) -> None:
        self._publish, self._settings = publish, settings

    def publish(self, image: bytes | bytearray, original: bytes | None) -> None:
        """Compress and publish a serialised `sensor_msgs/Image`; one that is not read here is left out.

        Args:
            image: the image.
            original: the serialised `sensor_msgs/CompressedImage` whose image it is, unchanged, if any.
        """
        try:
            frame = codec.decode(image)
        except EncodingError:
            return  # forwarded byte for byte, for subscribers of the raw image alone
        chosen = self._settings().compressed
        kept = codec.keep_compressed(original, frame, chosen.format) if original else None
        if kept is None:
            rgb = codec.rgb_of(frame)
            kept = codec.encode_compressed(rgb, frame, chosen.format, chosen.jpeg_quality)
        self._publish(kept)
