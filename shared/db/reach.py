"""How far a transaction reaches: the whole database for the machine's own work, some rows for a person, else none.

It is said to PostgreSQL at the start of each transaction and forgotten at its end, so that a pooled connection takes
nothing along; the walls (`shared.db.walls`) read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession

APP_ROLE, MACHINE_ROLE = "skolbro_app", "skolbro_machine"
SAY = text(
    "select set_config('role', :role, true), set_config('app.tenant', :tenant, true), "
    "set_config('app.schools', :schools, true)"
)


@dataclass(frozen=True)
class Reach:
    """Whose rows a transaction reaches: everything (the machine), or a municipality's and some schools'."""

    tenant_id: UUID | None = None
    schools: tuple[UUID, ...] = ()
    machine: bool = False

    def settings(self) -> dict[str, str]:
        """As the walls read it."""
        return {
            "role": MACHINE_ROLE if self.machine else APP_ROLE,
            "tenant": str(self.tenant_id or ""),
            "schools": f"{{{','.join(map(str, self.schools))}}}",
        }


MACHINE = Reach(machine=True)
NOBODY = Reach()


async def reach_as(session: AsyncSession, reach: Reach) -> None:
    """Let the session's present transaction reach this far, and no other."""
    await session.execute(SAY, reach.settings())


def say_reach(connection: Connection) -> None:
    """When a transaction begins: say the reach its engine has as the execution option `reach`, if it has one."""
    reach = connection.get_execution_options().get("reach")
    if isinstance(reach, Reach):
        connection.execute(SAY, reach.settings())
