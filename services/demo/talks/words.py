"""What the invented people write in the round of talks. Nobody it could be about exists."""

from __future__ import annotations

PREPARED = {
    "school": (
        "Trivs i gruppen och kommer igång bra när uppgiften är tydlig.",
        "Visar god förståelse muntligt; skriftligt behövs mer tid.",
        "Vi delar upp längre uppgifter och följer upp varje vecka.",
    ),
    "home": (
        "Berättar gärna om skolan och sover bra.",
        "Läxorna går bäst före middagen.",
        "Vi vill veta i god tid när det är prov.",
    ),
    "pupil": (
        "Det är lugnt på lektionerna och jag har någon att vara med.",
        "Matte är lätt, att skriva långt är svårt.",
        "Jag vill öva på att börja direkt.",
    ),
}
SUMMARY = (
    "Vi gick igenom hur det går i ämnena, vad som hjälper och vad som är svårt. Eleven berättade själv först. "
    "Vi är överens om två saker att göra till nästa samtal."
)
AT_SCHOOL = "Delar upp längre skrivuppgifter i delar"
AT_HOME = "Läser tillsammans tre kvällar i veckan"
HOW = "Vi ser på det tillsammans efter två veckor"
MEETING = "Föräldramöte"
PLACE = "Aulan, ingång från gården"
PROGRAMME = "18.00 Välkomna\n18.15 Skolårets innehåll\n19.00 Frågor och fika"
OFFER = "Jag bygger broar och visar gärna hur"
OFFERED = "En förmiddag med modeller och räkneexempel, helst för årskurs 7 till 9."
ASKED = "Kan ni komma till vår klass en torsdag i januari?"
ROOMS = ("A204", "A206")
INTERPRETER = "Hodan Warsame"
LANGUAGE = "so"


def title(classes: list[str]) -> str:
    """What the round is called."""
    return f"Utvecklingssamtal {' och '.join(classes)}"
