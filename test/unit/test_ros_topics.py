"""The topics of a camera, from remappings and the transport."""

from __future__ import annotations

import pytest

from restore_node.common.errors import ConfigError
from restore_node.ros.topics import CameraTopics, camera_topics


def topics(transport: str = 'raw', namespace: str = '', **remaps: str) -> CameraTopics:
    """As a node in a namespace resolves them."""

    def resolve(topic: str, *, only_expand: bool = False) -> str:
        full = topic if topic.startswith('/') else f'{namespace}/{topic}'
        rules = {f'{namespace}/{name}': target for name, target in remaps.items()}
        return full if only_expand else rules.get(full, full)

    return camera_topics(resolve, transport)


def test_side_by_side_shares_one_camera_info() -> None:
    found = topics(image_raw='/front/image_raw', image_restored='/front/image_restored')
    assert found == ('/front/image_raw', False, '/front/camera_info', '/front/image_restored', '')
    restored = '/front/image_restored'
    assert found.ends == {
        '/front/image_raw.subscription',
        f'{restored}.publisher',
        f'{restored}/compressed.publisher',
    }


def test_another_place_gets_a_camera_info_of_its_own() -> None:
    found = topics(image_raw='/front/image_raw', image_restored='/clean/image')
    assert found.camera_info == '/front/camera_info'
    assert found.restored_info == '/clean/camera_info'
    assert '/clean/camera_info.publisher' in found.ends


def test_a_remapped_camera_info_is_taken_from_there() -> None:
    found = topics(
        image_raw='/front/image_raw', image_restored='/front/image_restored', camera_info='/calibration'
    )
    assert found.camera_info == '/calibration'
    assert found.restored_info == '/front/camera_info'
    found = topics(namespace='/left', camera_info='/calibration')
    assert found.camera_info == '/calibration'


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
@pytest.mark.parametrize('suffix', ['', '/compressed'])
def test_a_compressed_suffix_is_understood(transport: str, suffix: str) -> None:
    found = topics(transport, image_raw=f'/front/image_raw{suffix}')
    is_compressed = bool(suffix) or transport == 'compressed'
    assert found.compressed is is_compressed
    assert found.image == '/front/image_raw' + '/compressed' * is_compressed
    assert found.camera_info == '/front/camera_info'


@pytest.mark.parametrize(
    ('remaps', 'complaint'),
    [
        ({'image_restored': '/image_raw'}, 'same topic'),
        ({'image_raw': '/image_restored/compressed'}, 'same topic'),
        ({'image_restored': '/clean/image/compressed'}, 'restored images are raw'),
    ],
)
def test_topics_that_cannot_be_meant_are_refused(remaps: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        topics(**remaps)
