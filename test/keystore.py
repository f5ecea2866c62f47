"""Makes a keystore as `ros2 security` does, with openssl: keys, governance and permissions of enclaves.

The files are those of OMG's DDS Security 1.1, section 9, under the names that rmw looks for; a ROS topic is
`rt/NAME` in DDS, a service `rq/NAMERequest` and `rr/NAMEReply`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

GOVERNANCE = """<?xml version="1.0" encoding="UTF-8"?>
<dds><domain_access_rules><domain_rule>
  <domains><id>{domain}</id></domains>
  <allow_unauthenticated_participants>false</allow_unauthenticated_participants>
  <enable_join_access_control>true</enable_join_access_control>
  <discovery_protection_kind>ENCRYPT</discovery_protection_kind>
  <liveliness_protection_kind>ENCRYPT</liveliness_protection_kind>
  <rtps_protection_kind>SIGN</rtps_protection_kind>
  <topic_access_rules><topic_rule>
    <topic_expression>*</topic_expression>
    <enable_discovery_protection>true</enable_discovery_protection>
    <enable_liveliness_protection>true</enable_liveliness_protection>
    <enable_read_access_control>true</enable_read_access_control>
    <enable_write_access_control>true</enable_write_access_control>
    <metadata_protection_kind>ENCRYPT</metadata_protection_kind>
    <data_protection_kind>ENCRYPT</data_protection_kind>
  </topic_rule></topic_access_rules>
</domain_rule></domain_access_rules></dds>
"""
PERMISSIONS = """<?xml version="1.0" encoding="UTF-8"?>
<dds><permissions><grant name="{enclave}">
  <subject_name>CN={enclave}</subject_name>
  <validity><not_before>2020-01-01T00:00:00</not_before><not_after>2120-01-01T00:00:00</not_after></validity>
  <allow_rule>
    <domains><id>{domain}</id></domains>
    <publish><topics>{publish}</topics></publish>
    <subscribe><topics>{subscribe}</topics></subscribe>
  </allow_rule>
  <default>DENY</default>
</grant></permissions></dds>
"""


class Grant(NamedTuple):
    """Names of DDS topics that an enclave may publish and subscribe."""

    publish: list[str]
    subscribe: list[str]


EVERYTHING = Grant(['*'], ['*'])


def allowed(policy: Path, kind: str, direction: str) -> set[str]:
    """Full names of the topics or services that an SROS 2 policy of one node allows."""
    (profile,) = ElementTree.parse(policy).findall('.//profile')
    own = profile.attrib['ns'].rstrip('/') + '/' + profile.attrib['node']
    (group,) = profile.findall(f'{kind}s[@{direction}="ALLOW"]')
    return {(entry.text or '').replace('~', own) for entry in group.findall(kind)}


def grant_of(policy: Path) -> Grant:
    """What an SROS 2 policy of one node allows."""
    services = allowed(policy, 'service', 'reply')
    publish = [f'rt{name}' for name in allowed(policy, 'topic', 'publish')]
    subscribe = [f'rt{name}' for name in allowed(policy, 'topic', 'subscribe')]
    publish += [f'rr{name}Reply' for name in services]
    subscribe += [f'rq{name}Request' for name in services]
    graph = 'ros_discovery_info'  # by which nodes find each other
    return Grant(sorted([*publish, graph]), sorted([*subscribe, graph]))


def make_keystore(folder: Path, domain: str, grants: dict[str, Grant]) -> None:
    """Make a keystore for one ROS_DOMAIN_ID: enclaves by name (`/restore_node`), and what each is granted."""
    folder.mkdir()
    authority = folder / 'ca'
    _openssl(folder, 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', f'{authority}.key')
    request = ['req', '-x509', '-new', '-sha256', '-days', '365', '-subj', '/CN=test CA']
    _openssl(folder, *request, '-key', f'{authority}.key', '-out', f'{authority}.pem')
    for enclave, grant in grants.items():
        place = folder / 'enclaves' / enclave.strip('/')
        place.mkdir(parents=True)
        for name in ('identity_ca.cert.pem', 'permissions_ca.cert.pem'):
            shutil.copy(f'{authority}.pem', place / name)
        key, wish, certificate = place / 'key.pem', place / 'request.pem', place / 'cert.pem'
        _openssl(folder, 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', str(key))
        subject = ['-subj', '/CN=' + enclave.replace('/', '\\/')]
        _openssl(folder, 'req', '-new', '-sha256', '-key', str(key), '-out', str(wish), *subject)
        sign = ['x509', '-req', '-sha256', '-days', '365', '-CA', f'{authority}.pem', '-CAkey']
        sign += [f'{authority}.key', '-CAcreateserial', '-in', str(wish), '-out', str(certificate)]
        _openssl(folder, *sign)
        names = {
            what: ''.join(f'<topic>{topic}</topic>' for topic in getattr(grant, what))
            for what in grant._fields
        }
        (place / 'governance.xml').write_text(GOVERNANCE.format(domain=domain))
        (place / 'permissions.xml').write_text(PERMISSIONS.format(enclave=enclave, domain=domain, **names))
        for name in ('governance', 'permissions'):
            files = ['-in', str(place / f'{name}.xml'), '-out', str(place / f'{name}.p7s')]
            signer = ['-signer', f'{authority}.pem', '-inkey', f'{authority}.key']
            _openssl(folder, 'smime', '-sign', '-text', *files, *signer)


def _openssl(folder: Path, *arguments: str) -> None:
    """Run the system's openssl, without the libraries of ROS, which are another version's."""
    environment = {name: value for name, value in os.environ.items() if name != 'LD_LIBRARY_PATH'}
    subprocess.run(['openssl', *arguments], cwd=folder, env=environment, check=True, capture_output=True)
