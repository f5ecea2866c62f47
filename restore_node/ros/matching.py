"""MatchingSubscription: a subscription that asks of its publishers what all of them offer.

Best effort hears everybody, but loses images of more than some hundred kilobytes: they travel in pieces, and
one lost piece is a lost image. Reliable loses none, and hears no best-effort publisher at all. So the graph
is asked now and then who publishes, and the subscription is made anew when that changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from restore_node.ros.message_types import type_name
from restore_node.ros.qos import most_offered, subscription_qos

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ModuleNotFoundError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

#: Seconds between two looks at the graph.
LOOK_S = 0.2
# A subscription that takes another's place has so many looks to hear something. From then on two are left: at
# the first the old one goes; until the second the new one may still hold what the old one has delivered.
_LOOKS_TO_HEAR, _LOOKS_TO_SETTLE = 10, 2

Offer = tuple[ReliabilityPolicy, DurabilityPolicy]


@dataclass(eq=False)
class _Leg:
    """One of the two subscriptions during a change, and how often it heard which message."""

    offer: Offer
    subscription: Any = None
    heard: Counter[int] = field(default_factory=Counter)


class MatchingSubscription:
    """Subscribes serialised messages, reliably where all publishers are reliable.

    While it changes there are two subscriptions, and what both hear is delivered once: nothing is lost that
    the old one would have heard. Without publishers it stays as it is. `qos_overrides` win over all this.

    Args:
        node: subscribes; its executor calls `callback`, and looks at the graph by steady time.
        kind: message class.
        topic: resolved name.
        callback: takes a serialised message.
        follows_durability: hear what publishers have kept for who comes late, too, where all of them do.

    Attributes:
        topic: as given.
        lost: messages that the transport says it has lost; None where the RMW does not tell.
    """

    def __init__(
        self,
        node: Node,
        kind: type,
        topic: str,
        callback: Callable[[bytes], None],
        follows_durability: bool = False,
    ) -> None:
        self._node, self._kind, self.topic, self._callback = node, kind, topic, callback
        self._type = type_name(kind)
        given = f'qos_overrides.{topic}.subscription.'
        self._is_overridden = f'{given}reliability' in node._parameter_overrides
        self._follows_durability = follows_durability
        self.lost: int | None = 0
        self._delivered: Counter[int] = Counter()
        self._looks_left = 0
        default = subscription_qos()
        self._legs = [self._subscribe(self._offered((default.reliability, default.durability)))]
        self._timer = node.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def subscription(self) -> Any:
        """The rclpy subscription; another one after each change."""
        return self._legs[-1].subscription

    def destroy(self) -> None:
        """Take it off the graph."""
        self._node.destroy_timer(self._timer)
        for leg in self._legs:
            self._node.destroy_subscription(leg.subscription)
        self._legs.clear()

    def _look(self) -> None:
        """Change what publishers no longer offer or now offer; end a change that is done."""
        newest = self._legs[-1]
        if not self._looks_left:
            offered = self._offered(newest.offer)
            if offered != newest.offer:
                self._delivered.clear()
                newest.heard.clear()
                self._legs.append(self._subscribe(offered))
                self._looks_left = _LOOKS_TO_HEAR
                words = ' and '.join(policy.name.lower().replace('_', ' ') for policy in offered)
                self._node.get_logger().info(f'{self.topic}: subscribed {words}, as its publishers offer')
            return
        self._looks_left = min(self._looks_left, _LOOKS_TO_SETTLE + 1) if newest.heard else self._looks_left
        self._looks_left -= 1
        if self._looks_left < _LOOKS_TO_SETTLE and len(self._legs) > 1:
            self._node.destroy_subscription(self._legs.pop(0).subscription)

    def _offered(self, otherwise: Offer) -> Offer:
        """The most that all publishers offer; `otherwise` where there are none."""
        peers = self._node.get_publishers_info_by_topic(self.topic)
        if not (peers := [peer for peer in peers if peer.topic_type == self._type]):
            return otherwise
        reliability, durability = most_offered(peers)
        return (
            otherwise[0] if self._is_overridden else reliability,
            durability if self._follows_durability else otherwise[1],
        )

    def _subscribe(self, offer: Offer) -> _Leg:
        leg = _Leg(offer)
        qos = subscription_qos()
        qos.reliability, qos.durability = offer
        policies = [QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH]
        # rclpy holds on to the first value that it declared: this parameter exists only where it was given.
        if self._is_overridden:
            policies.append(QoSPolicyKind.RELIABILITY)

        def create(events: SubscriptionEventCallbacks) -> Any:
            # Serialised bytes: building an Image object in Python costs more than moving its pixels (cdr.py).
            return self._node.create_subscription(
                self._kind,
                self.topic,
                lambda message: self._take(leg, message),
                qos,
                raw=True,
                event_callbacks=events,
                qos_overriding_options=QoSOverridingOptions(policies),
            )

        # rclpy's own callbacks would log what health says, without end and without the peer's name.
        events = partial(SubscriptionEventCallbacks, use_default_callbacks=False)
        try:
            leg.subscription = create(events(message_lost=self._note_lost))
        except UnsupportedEventTypeError:
            self.lost = None
            leg.subscription = create(events())
        return leg

    def _take(self, leg: _Leg, message: bytes) -> None:
        """Deliver a message, once, though two subscriptions hear it; twice where it was sent twice."""
        if self._looks_left:
            content = hash(message)
            leg.heard[content] += 1
            if leg.heard[content] <= self._delivered[content]:
                return
            self._delivered[content] += 1
        self._callback(message)

    def _note_lost(self, event: Any) -> None:
        if self.lost is not None:
            self.lost += event.total_count_change
