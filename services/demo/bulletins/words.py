"""What the invented mentors and guardians write. Nobody it could be about exists, and nobody is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

PROMPT = re.compile(r"\[[^\]\n]+\](?![(\[:])")  # what a draft asks of whoever writes
TITLE = "Klassbrev"
SUBJECTS = {
    "Matematik": (
        "vi arbetar med bråk och hur man visar hur man tänker.",
        "vi mäter, ritar och räknar på klassrummet.",
        "vi övar på att läsa uppgiften två gånger innan vi räknar.",
    ),
    "Svenska": (
        "vi läser en bok tillsammans och skriver egna slut.",
        "vi skriver insändare och ger varandra respons.",
        "vi läser högt för varandra och samlar nya ord.",
    ),
    "Engelska": ("vi pratar i par varje vecka.", "vi skriver brev till en klass i Irland.", "vi ser på korta filmer."),
    "Natur": ("vi undersöker vatten från ån.", "vi bygger kretsar.", "vi följer hur dagarna blir kortare."),
    "Samhäll": ("vi ritar kartor över kommunen.", "vi läser om rösträtten.", "vi jämför tidningar."),
    "Idrott": ("vi är ute så länge vädret håller.", "vi dansar.", "vi övar orientering i parken."),
    "Bild": ("vi tecknar broar.", "vi blandar färger.", "vi bygger modeller av papp."),
}
LEARNING = (
    "Det är lugnt på lektionerna, och de flesta kommer igång fort.",
    "Fråga gärna vad som var roligast i veckan, och läs en stund tillsammans.",
    "Vi har bestämt hur vi vill ha det på rasterna, och det syns.",
    "Hjälp till att packa väskan kvällen innan.",
)
ACTIVITIES = (
    "Vi har haft friluftsdag vid sjön och läst klart vår första bok.",
    "Vi får besök av biblioteket, och temaveckan om vatten börjar.",
    "Vi har övat inför uppspelningen och städat skolgården.",
    "Vi går till museet; ta med matsäck och kläder efter väder.",
)
SUBJECT = {"sv": TITLE + " {number} från {name}", "en": "Class letter {number} from {name}"}
ENGLISH = {
    "learning": (
        "### What we learn\n\n- Mathematics: we work with fractions and show how we think.\n"
        "- Swedish: we read a book together and write endings of our own.\n\n"
        "### How we are doing\n\n- It is calm at work, and we have agreed on how we want our breaks to be.\n"
        "- Please read together for a while in the evening."
    ),
    "activities": (
        "### Since last time\n\n- We have been out by the lake for a day.\n\n"
        "### What comes\n\n- The library visits us, and our weeks about water begin."
    ),
}
DIARY = (
    (-2, "Friluftsdag vid sjön"),
    (9, "Biblioteket kommer och visar nya böcker"),
    (16, "Temaveckan om vatten börjar"),
)
PICTURE_NAME, PICTURE_SHOWS = "bron.png", "Vår modell av en bro över vatten, byggd av papp"
SCORE, FEEDBACK = "5", "Bra att få veta vad som kommer, och lätt att läsa."
ABOUT, QUESTION = "practical", "Hej! Behövs stövlar på utflykten, eller går det bra med vanliga skor?"
ANSWER = "Hej! Vanliga skor går bra om det är torrt, annars stövlar. Vi ses på torsdag."


def subject(language: str, name: str, number: int) -> str:
    """What a class's bulletin is called; no two have the same name at a school."""
    return SUBJECT[language].format(number=number, name=name)


def edited(draft: str, answers: Sequence[str], number: int) -> str:
    """The draft with every question of it answered; the `number`th bulletin answers otherwise than the one before."""
    more = islice(cycle(answers), number, None)
    return "\n".join(_answered(draft, more, number))


def _answered(draft: str, more: Iterator[str], number: int) -> Iterator[str]:
    for line in draft.replace("\r\n", "\n").split("\n"):
        about = next((said for name, said in SUBJECTS.items() if line.startswith(f"- {name}")), None)
        if PROMPT.search(line):
            said = about[number % len(about)] if about else next(more)
            yield PROMPT.sub(lambda _, words=said: words, line)  # type: ignore[misc]
        else:
            yield line
