"""Who is at the other end of a node's topics, from the graph: who cannot be heard, and who does not hear."""

from __future__ import annotations

from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible
from rclpy.topic_endpoint_info import TopicEndpointInfo

from restore_node.ros.message_types import type_name
from restore_node.runtime.health import Peers

#: RMWs have several ways of saying that a time has no end, all of them beyond a century.
FOR_EVER_NS = 100 * 365 * 86400 * 10**9


def look_at_peers(node: Node, subscription: Any, publisher: Any) -> Peers:
    """The publishers of what a subscription takes, and the subscribers to what a publisher sends.

    The graph is asked instead of waiting for QoS events: not every RMW sends these (and none about types on
    Humble), they name no node, and never say that the trouble is over.
    """
    wanted, offered = type_name(subscription.msg_type), type_name(publisher.msg_type)
    strangers, unheard, deaf, publishers, listeners = [], [], [], 0, 0
    for peer in node.get_publishers_info_by_topic(subscription.topic_name):
        if peer.topic_type != wanted:
            strangers.append(
                f'{_name(peer)} publishes {subscription.topic_name} as {peer.topic_type}, want {wanted}'
                + '; set image_transport to compressed' * peer.topic_type.endswith('/CompressedImage')
            )
        elif fault := _incompatibility(peer.qos_profile, subscription.qos_profile):
            unheard.append(
                f'incompatible QoS: {_name(peer)} is not heard on {subscription.topic_name}: {fault}'
            )
        else:
            publishers += 1
    for peer in node.get_subscriptions_info_by_topic(publisher.topic_name):
        if peer.topic_type != offered:
            deaf.append(f'{_name(peer)} wants {publisher.topic_name} as {peer.topic_type}, it is {offered}')
        elif fault := _incompatibility(publisher.qos_profile, peer.qos_profile):
            deaf.append(f'incompatible QoS: {_name(peer)} does not hear {publisher.topic_name}: {fault}')
        else:
            listeners += 1
    is_best_effort = subscription.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    return Peers(publishers, listeners, tuple(strangers), tuple(unheard), tuple(deaf), is_best_effort)


def _incompatibility(offered: QoSProfile, requested: QoSProfile) -> str:
    """Why two profiles do not match, in rclpy's words; empty where they may."""
    compatibility, reason = qos_check_compatible(_of_wishes(offered), _of_wishes(requested))
    if compatibility != QoSCompatibility.ERROR:
        return ''
    return reason.strip().removeprefix('ERROR: ').rstrip(';')


def _of_wishes(profile: QoSProfile) -> QoSProfile:
    """What of a profile decides a match. A time without end is no wish, but rclpy would take it for one."""
    times = (profile.deadline, profile.liveliness_lease_duration)
    deadline, lease = (Duration() if time.nanoseconds >= FOR_EVER_NS else time for time in times)
    return QoSProfile(
        depth=1,
        reliability=profile.reliability,
        durability=profile.durability,
        liveliness=profile.liveliness,
        deadline=deadline,
        liveliness_lease_duration=lease,
    )


def _name(peer: TopicEndpointInfo) -> str:
    return f'{peer.node_namespace.rstrip("/")}/{peer.node_name}'
