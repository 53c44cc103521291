"""The roads of one lane. No lane lends another its own: a slow server on one of them holds up nobody else."""

from __future__ import annotations

from collections.abc import Mapping

from services.notifications.channels.email import EmailRoad
from services.notifications.channels.letters import LetterRoad
from services.notifications.channels.protocol import Road
from services.notifications.channels.push import PushRoad
from services.notifications.channels.simulated import SimulatedRoad
from services.notifications.channels.sms import SmsRoad
from services.notifications.settings import NotificationsSettings
from shared.events.notify import Lane
from shared.events.people import Channel
from shared.kit import Kit

Roads = Mapping[Channel, Road]


def make_roads(kit: Kit, settings: NotificationsSettings, lane: Lane) -> Roads:
    """The channels that this installation has, with as many connections as the lane may keep."""
    roads: dict[Channel, Road] = {
        Channel.EMAIL: EmailRoad(settings, connections(settings, lane)),
        Channel.SIMULATED: SimulatedRoad(kit.clock),
        Channel.LETTER: LetterRoad(kit),
    }
    if settings.sms_providers:
        roads[Channel.SMS] = SmsRoad(settings, kit)
    if settings.vapid_key:
        roads[Channel.PUSH] = PushRoad(settings, lane, inside=kit.settings.demo and kit.settings.host == "127.0.0.1")
    return roads


def connections(settings: NotificationsSettings, lane: Lane) -> int:
    """How many connections to the mail server this lane keeps."""
    by_lane = {
        Lane.URGENT: settings.smtp_connections,
        Lane.NORMAL: settings.normal_connections,
        Lane.BULK: settings.bulk_connections,
    }
    return by_lane[lane]


def is_down(roads: Roads) -> bool:
    """True while the mail server cannot be used: nearly everything goes by it, so hardly anything is taken up then."""
    return roads[Channel.EMAIL].is_down


def close(roads: Roads) -> None:
    """Hang up everything."""
    for road in roads.values():
        road.close()
