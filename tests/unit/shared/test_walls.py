"""Every table says whose rows are in it, and what it says can be kept."""

from __future__ import annotations

from importlib import import_module
from uuid import UUID

import pytest
from sqlalchemy import Column, MetaData, Table, Uuid

from services.operations import SERVICES
from shared.db.reach import APP_ROLE, MACHINE, MACHINE_ROLE, NOBODY, Reach
from shared.db.walls import Wall, statements, walled
from shared.errors import SkolbroError

TENANT, SCHOOL = UUID(int=1), UUID(int=2)
TABLES = [
    pytest.param(table, id=f"{service}.{table.name}")
    for service in SERVICES
    for table in import_module(f"services.{service}.tables").metadata.sorted_tables
]
NEEDS = {Wall.TENANT: "tenant_id", Wall.APPEND_ONLY: "tenant_id", Wall.SCHOOL: "school_id"}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_of_every_service_has_what_its_wall_asks_for(table: Table) -> None:
    assert list(statements(table))
    if needed := NEEDS.get(table.info["wall"]):
        assert needed in table.c
    if table.info["wall"] is Wall.PARENT:
        above, key = table.info["parent"].split(".")
        assert key in table.c
        assert [column.name for column in table.metadata.tables[above].primary_key] == [key]


def test_a_table_that_says_no_wall_is_refused_by_name() -> None:
    table = Table("diary", MetaData(), Column("id", Uuid, primary_key=True))
    with pytest.raises(SkolbroError, match="diary"):
        list(statements(table))


def test_a_table_behind_its_parent_must_say_which() -> None:
    table = Table("page", MetaData(), Column("diary_id", Uuid, primary_key=True), **walled(Wall.PARENT))
    with pytest.raises(SkolbroError, match="page"):
        list(statements(table))


def test_what_is_appended_can_be_read_and_added_and_nothing_else() -> None:
    table = Table("log", MetaData(), Column("tenant_id", Uuid, primary_key=True), **walled(Wall.APPEND_ONLY))
    policies = [statement for statement in statements(table) if statement.startswith("create policy")]
    assert sorted(policy.split(" for ")[1].split()[0] for policy in policies) == [
        "insert",
        "insert",
        "select",
        "select",
    ]


def test_a_machines_table_has_no_policy_for_people() -> None:
    table = Table("inbox", MetaData(), Column("id", Uuid, primary_key=True), **walled(Wall.MACHINE))
    assert not any(APP_ROLE in statement for statement in statements(table))


def test_what_is_about_nobody_is_read_by_people_of_some_municipality_and_written_by_the_machine() -> None:
    table = Table("weather", MetaData(), Column("id", Uuid, primary_key=True), **walled(Wall.EVERYONE))
    machine, people = (statement for statement in statements(table) if statement.startswith("create policy"))
    assert machine.endswith("using (true) with check (true)")
    assert " for select " in people
    assert "'app.tenant'" in people


def test_a_reach_says_a_person_s_municipality_and_schools_and_a_machine_s_role() -> None:
    assert Reach(TENANT, (SCHOOL, TENANT)).settings() == {
        "role": APP_ROLE,
        "tenant": str(TENANT),
        "schools": f"{{{SCHOOL},{TENANT}}}",
    }
    assert NOBODY.settings() == {"role": APP_ROLE, "tenant": "", "schools": "{}"}
    assert MACHINE.settings() == {"role": MACHINE_ROLE, "tenant": "", "schools": "{}"}
