"""The sentences of the registry's pages that depend on a code word. English here, translated when shown."""

from __future__ import annotations

from services.registry.domain.widening import What
from services.registry.store.quarantine import State
from shared.events.roster import Marking, Relation
from shared.languages import N_

WHAT = {
    What.NEW_TIE: N_("Somebody new would answer for a pupil"),
    What.RIGHT_GIVEN: N_("Somebody without a right would answer for a pupil"),
    What.LONGER_TIE: N_("Somebody’s right to know about a pupil would last longer"),
    What.LATER_BIRTH: N_("By another birth date, guardians’ rights would last longer or begin again"),
    What.ACTIVE_AGAIN: N_("Somebody who was not active would be active again"),
    What.MILDER_MARKING: N_("A protected identity would be taken away or made weaker"),
}
RELATIONS = {
    Relation.GUARDIAN.value: N_("has custody"),
    Relation.APPOINTED.value: N_("is an appointed guardian"),
    Relation.PARENT.value: N_("is a parent without custody"),
    Relation.OTHER_RESPONSIBLE.value: N_("is responsible in another way, without a right to know"),
    Relation.OTHER_ENTITLED.value: N_("is entitled in another way, without a right to know"),
}
MARKINGS = {
    Marking.NONE.value: N_("no protection"),
    Marking.MARKED.value: N_("the identity is marked as secret"),
    Marking.PROTECTED.value: N_("the registration is protected"),
}
STATES = {State.WAITING: ("wait", N_("Waits for a decision")), State.REFUSED: ("alarm", N_("Refused"))}
WORDS = {"WHAT": WHAT, "RELATIONS": RELATIONS, "MARKINGS": MARKINGS, "STATES": STATES}
DONE = {
    "released": ("good", N_("It was let through. Whoever it concerns is told from now on.")),
    "refused": ("good", N_("It stays out for as long as the registry says the same.")),
    "gone": ("wait", N_("The registry does not say that any more, so there was nothing left to decide.")),
    "own": ("alarm", N_("It is about yourself, so somebody else must decide. Nothing was changed.")),
}
