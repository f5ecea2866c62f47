"""Quality of service, overridable by parameters.

REP-2003: sensor data is subscribed best effort where nobody offers more (matching.py), and published
reliably, which serves subscribers of both kinds. `qos_overrides.<topic>.<subscription|publisher>.<policy>`
changes either.
"""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.topic_endpoint_info import TopicEndpointInfo


def subscription_qos() -> QoSProfile:
    """Best effort, volatile, keep the last 10 until they are taken: what every publisher matches."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=10,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def publisher_qos(is_latched: bool = False) -> QoSProfile:
    """Reliable, the last 5 kept until they have arrived; latched, the last 1 for who comes late.

    A big image takes longer than one period to arrive: with 1 kept, the next one takes its place on the way.
    """
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1 if is_latched else 5,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
    )


def overridable() -> QoSOverridingOptions:
    """History, depth and reliability may be overridden by parameters."""
    return QoSOverridingOptions.with_default_policies()


def most_offered(publishers: Sequence[TopicEndpointInfo]) -> tuple[ReliabilityPolicy, DurabilityPolicy]:
    """Return the most that all of these publishers, at least one, offer."""
    offers = [publisher.qos_profile for publisher in publishers]
    reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    return (
        ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
