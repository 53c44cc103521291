"""Row-level security: the wall behind the code that asks who may know.

Every table says whose rows are behind it. A transaction reaches nothing until it says how far it reaches
(`shared.db.reach`), and nobody but the migrations owns a table, so that nobody stands above the wall.

Two group roles hold what the services may do: `skolbro_app`, whose policies let a person's rows through, and
`skolbro_machine`, whose policies let everything through. A service's login role acts as the first by itself and as
the second only when a transaction says so. The machine has a role rather than a condition in the policies, because a
condition in front of every row would cost it the indexes on JSON (whose operators PostgreSQL does not let look at
a row before the wall has) and the planner's estimates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import Enum
from typing import Any

from sqlalchemy import Connection, MetaData, Table, text

from shared.db.reach import APP_ROLE, MACHINE_ROLE
from shared.errors import SkolbroError

ROLES = f"{APP_ROLE}, {MACHINE_ROLE}"
MY_TENANT = "(select nullif(current_setting('app.tenant', true), '')::uuid)"
MY_SCHOOLS = "(select coalesce(nullif(current_setting('app.schools', true), ''), '{}')::uuid[])::uuid[]"
POLICIES = text("select policyname from pg_policies where schemaname = 'public' and tablename = :table")
# The comment on a table's first policy is the mark of the statements that made its wall, and of how many policies.
MARK = text(
    "select obj_description(p.oid, 'pg_policy') || (select count(*) from pg_policy where polrelid = c.oid) "
    "from pg_policy p join pg_class c on c.oid = p.polrelid "
    "where c.oid = to_regclass(:table) and p.polname = 'machine' and c.relrowsecurity and c.relforcerowsecurity"
)


class Wall(Enum):
    """Which rows a person's transaction reaches. A machine's own work reaches all."""

    MACHINE = "none: outbox, inbox and the like are not for people"
    TENANT = "those of the person's municipality, by `tenant_id`"
    SCHOOL = "those of the schools the person has to do with, by `school_id`"
    PARENT = "those whose parent row is reached, by the foreign key named beside it"
    APPEND_ONLY = "as TENANT; rows are added and read, never changed or removed"
    EVERYONE = "rows are about nobody: everybody who is logged in may read them, only the machine writes"


def walled(wall: Wall, parent: str | None = None) -> dict[str, Any]:
    """Keyword arguments for a Table (or `__table_args__`): whose rows are behind it.

    `parent` names the parent's key as `table.column`, for `Wall.PARENT`; the column has the same name here.
    """
    return {"info": {"wall": wall, "parent": parent}}


def put_up(connection: Connection, metadata: MetaData) -> None:
    """Put every table behind its wall, and give the services' roles what they need and no more.

    Runs as the tables' owner, in its transaction, as often as one likes: a wall that stands is left alone, so that
    services at work are not stopped. Raises SkolbroError when a table does not say its wall or is not there.
    """
    walls = {table: list(statements(table)) for table in metadata.sorted_tables}
    connection.execute(text(f"grant usage on schema public to {ROLES}"))
    for table, wanted in walls.items():
        _raise(connection, table, wanted)
        _grant(connection, table)
    connection.execute(text(f"grant usage on all sequences in schema public to {ROLES}"))
    if connection.scalar(text("select to_regclass('public.alembic_version') is not null")):
        connection.execute(text(f"revoke all on alembic_version from public, {ROLES}"))
        connection.execute(text(f"grant select on alembic_version to {ROLES}"))


def statements(table: Table) -> Iterator[str]:
    """What makes a table's wall, once its earlier policies are gone. Raises SkolbroError when it says none."""
    wall, seen = _wall_of(table), _reached(table)
    name = f'"{table.name}"'
    yield f"alter table {name} enable row level security"
    yield f"alter table {name} force row level security"
    for role, policy, rows in ((MACHINE_ROLE, "machine", "true"), (APP_ROLE, "people", seen)):
        if rows is None:
            continue
        if wall is Wall.APPEND_ONLY:
            yield f"create policy {policy} on {name} for select to {role} using ({rows})"
            yield f"create policy {policy}_adds on {name} for insert to {role} with check ({rows})"
        elif wall is Wall.EVERYONE and role == APP_ROLE:
            yield f"create policy {policy} on {name} for select to {role} using ({rows})"
        else:
            yield f"create policy {policy} on {name} to {role} using ({rows}) with check ({rows})"


def _wall_of(table: Table) -> Wall:
    wall = table.info.get("wall")
    if not isinstance(wall, Wall):
        raise SkolbroError(f"The table {table.name} does not say whose rows are in it: give it walled(Wall.…).")
    return wall


def _reached(table: Table) -> str | None:
    """The condition on a row that a person reaches; None when people reach none."""
    match _wall_of(table):
        case Wall.MACHINE:
            return None
        case Wall.TENANT | Wall.APPEND_ONLY:
            return f"tenant_id = {MY_TENANT}"
        case Wall.EVERYONE:
            return f"{MY_TENANT} is not null"
        case Wall.SCHOOL:
            return f"school_id = any({MY_SCHOOLS})"
        case Wall.PARENT:
            above, _, key = (table.info["parent"] or "").partition(".")
            if not key:
                raise SkolbroError(f"The table {table.name} does not say its parent as table.column.")
            return f'exists (select from "{above}" parent where parent."{key}" = "{table.name}"."{key}")'


def _raise(connection: Connection, table: Table, wanted: list[str]) -> None:
    """Put up one wall, unless it stands as it should."""
    if not connection.scalar(text("select to_regclass(:table) is not null"), {"table": f'"{table.name}"'}):
        raise SkolbroError(f"The table {table.name} is not in the database; it needs a migration.")
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:16]
    policies = sum(statement.startswith("create policy") for statement in wanted)
    if connection.scalar(MARK, {"table": f'"{table.name}"'}) == f"{digest} {policies}":
        return
    for policy in connection.scalars(POLICIES, {"table": table.name}).all():
        connection.execute(text(f'drop policy "{policy}" on "{table.name}"'))
    for statement in wanted:
        connection.exec_driver_sql(statement)
    connection.execute(text(f"comment on policy machine on \"{table.name}\" is '{digest} '"))


def _grant(connection: Connection, table: Table) -> None:
    everything, wall = "select, insert, update, delete", _wall_of(table)
    connection.execute(text(f'revoke all on "{table.name}" from public, {ROLES}'))
    for role in (APP_ROLE, MACHINE_ROLE):
        acts = "select, insert" if wall is Wall.APPEND_ONLY else everything
        acts = "select" if wall is Wall.EVERYONE and role == APP_ROLE else acts
        connection.execute(text(f'grant {acts} on "{table.name}" to {role}'))
