"""The topics of a camera, from remappings and the transport."""

from __future__ import annotations

import pytest

from restore_node.common.errors import ConfigError
from restore_node.ros.topics import CameraTopics, Resolve, camera_topics, topics_of


def resolver(namespace: str, remaps: dict[str, str]) -> Resolve:
    """Resolves as a node in a namespace does."""

    def resolve(topic: str, *, only_expand: bool = False) -> str:
        full = topic if topic.startswith('/') else f'{namespace}/{topic}'
        rules = {f'{namespace}/{name}': target for name, target in remaps.items()}
        return full if only_expand else rules.get(full, full)

    return resolve


def topics(transport: str = 'raw', namespace: str = '', **remaps: str) -> CameraTopics:
    """As a node in a namespace resolves them."""
    return camera_topics('', resolver(namespace, remaps), transport)


def several(*names: str, **remaps: str) -> list[CameraTopics]:
    """As a node in the namespace /vehicle resolves them; `__` in a name stands for a slash."""
    rules = {name.replace('__', '/'): target for name, target in remaps.items()}
    return topics_of(names, resolver('/vehicle', rules), 'raw')


def test_side_by_side_shares_one_camera_info() -> None:
    found = topics(image_raw='/front/image_raw', image_restored='/front/image_restored')
    assert found == ('', '/front/image_raw', False, '/front/camera_info', '/front/image_restored', '')
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


def test_several_cameras_have_their_topics_under_their_names() -> None:
    front, rear = several('front', 'roof/rear', front__image_raw='/cam/image/compressed')
    assert front == ('front/', '/cam/image/compressed', True, '/cam/camera_info', *front[4:])
    assert front[4:] == ('/vehicle/front/image_restored', '/vehicle/front/camera_info')
    here = '/vehicle/roof/rear'
    assert rear == (
        'roof/rear/',
        f'{here}/image_raw',
        False,
        f'{here}/camera_info',
        f'{here}/image_restored',
        '',
    )


def test_one_calibration_serves_two_cameras() -> None:
    found = several(
        'front', 'rear', front__camera_info='/rig/camera_info', rear__camera_info='/rig/camera_info'
    )
    assert [one.camera_info for one in found] == ['/rig/camera_info'] * 2


def test_one_camera_without_a_name_is_the_node_itself() -> None:
    assert several('') == [camera_topics('', resolver('/vehicle', {}), 'raw')]


@pytest.mark.parametrize(
    ('names', 'complaint'),
    [
        ([], r'cameras is empty: got \[\], want names such as \[front'),
        (['front', 'rear', 'front'], "names one twice: got 'front'"),
        (['front', ''], "no topic can have: got ''"),
        (['front-left'], "no topic can have: got 'front-left', want words of letters"),
        (['2nd'], "got '2nd'"),
        (['/front'], "got '/front'"),
        (['front/'], "got 'front/'"),
        (['vorne_für'], "got 'vorne_für'"),
        (['front\n'], 'no topic can have'),
    ],
)
def test_names_that_cannot_be_are_refused(names: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        several(*names)
    assert '\n' not in str(raised.value)


@pytest.mark.parametrize(
    ('remaps', 'complaint'),
    [
        (
            {'front__image_raw': '/x', 'rear__image_raw': '/x/compressed'},
            'in common: got /x of front/image_raw',
        ),
        ({'front__image_restored': '/x', 'rear__image_restored': '/x'}, 'in common: got /x of'),
        ({'front__image_restored': '/x', 'rear__image_raw': '/x'}, 'in common: got /x of'),
        ({'rear__image_restored': '/x', 'front__image_raw': '/x'}, 'in common: got /x of'),
        ({'front__image_restored': '/out/a', 'rear__image_restored': '/out/b'}, 'got /out/camera_info of'),
        ({'image_raw': '/x'}, 'image_raw is remapped, and no camera has it; remap front/image_raw'),
        ({'image_restored': '/x'}, 'image_restored is remapped'),
        ({'camera_info': '/x'}, 'camera_info is remapped'),
    ],
)
def test_topics_that_two_cameras_cannot_share_are_refused(remaps: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        several('front', 'rear', **remaps)
