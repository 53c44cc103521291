"""What the registry service reads: only what people ask about what is kept of them."""

from __future__ import annotations

from services.registry.privacy import RegistryPart
from services.registry.tables import kit as tables
from services.registry.tables import metadata
from shared.messaging.reader import Reader
from shared.rights.privacy import privacy_reader
from shared.settings import KitSettings


def readers(settings: KitSettings | None = None) -> list[Reader]:
    """The readers of this service."""
    return [privacy_reader("registry", tables, metadata, RegistryPart(settings or KitSettings()))]
