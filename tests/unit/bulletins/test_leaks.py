"""The leak check finds what points at somebody, and leaves ordinary bulletins alone."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.leaks import (
    Known,
    Leak,
    Name,
    Passage,
    Reason,
    find,
    is_personal_number,
    unanswered,
    waiver,
)

ONE = UUID(int=1)
PUPILS = [("Ebba", "Ek"), ("Noor", "Haddad"), ("Filip", "Främling"), ("Gustav", "Gren"), ("Bo", "Alm"), ("Liv", "Berg")]
KNOWN = Known(
    protected=(Name("Pia", "Dold"), Name("José", "af Klint"), Name("Lars", "Dold"), Name("Sol", "Hemlig")),
    pupils=tuple(Name(*one) for one in PUPILS),
    classmates=("Ebba", "Noor", "Filip", "Gustav", "Bo", "Pia"),
    namesakes=frozenset({"Lars"}),
    addresses=frozenset({"anna@ek.example", "4687654321"}),
    smallest=25,
    least=12,
)


def found(words: str, language: str = "sv", known: Known = KNOWN) -> list[Leak]:
    return [one.kind for one in find(ONE, [Passage(language, "learning", words)], known)]


@pytest.mark.parametrize(
    "words",
    [
        "Pia har läst.",
        "pia har läst",
        "PIAS teckning",
        "Pias teckning",
        "Pia's drawing",
        "Pia’s drawing",
        "**Pia**s bänk",
        "Pia Dold",
        "Dold, Pia",
        "Lars Dold",
        "Tack, Lars Erik Dold!",
        "Joses bok",
        "Josés bok",
        "Sol Hemlig",
        "- Noor\n- Pia\n- Filip",
    ],
)
def test_names_of_the_protected_stop_it_however_they_are_inflected(words: str) -> None:
    kinds = found(words)
    assert Leak.PROTECTED_NAME in kinds, kinds


@pytest.mark.parametrize("words", ["Piano", "Utopia är ett ord.", "Piadina", "solen skiner och sol är gult", "Larson"])
def test_words_that_only_begin_like_a_name_are_let_through(words: str) -> None:
    assert found(words) == []


def test_a_name_that_others_have_too_or_that_is_a_word_is_asked_about() -> None:
    assert found("Lars lagar mat åt oss.") == [Leak.NAMESAKE]
    assert found("Idag har Sol läst högt.") == [Leak.NAMESAKE]
    assert found("Då går vi ut i sol och regn.") == []


def test_full_names_of_pupils_are_asked_about_and_first_names_are_not() -> None:
    assert found("Ebba och Noor höll tal.") == []
    assert found("Ebba Ek höll tal.") == [Leak.FULL_NAME]
    assert found("Bravo Ek, Ebba!") == [Leak.FULL_NAME]
    assert found("Ebba. Ek växer i skogen.") == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("sv", "Gustav har adhd."),
        ("sv", "Många har varit sjuka."),
        ("sv", "En elev har fått en ADHD-diagnos."),
        ("sv", "Utredningen hos BUP är klar."),
        ("nb", "Filip er syk igjen."),
        ("nb", "Han har lærevansker."),
        ("nn", "Ho er sjuk."),
        ("nn", "Sjølvskading er eit tema."),
        ("en", "He is in hospital."),
        ("en", "A pupil with an eating disorder."),
        ("en", "Noor is ill again."),
        ("ar", "ADHD"),
    ],
)
def test_words_about_health_are_found_in_four_languages(language: str, words: str) -> None:
    assert Leak.HEALTH in found(words, language)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("sv", "Ebba var borta i tisdags."),
        ("sv", "Noors frånvaro har minskat."),
        ("nb", "Filip var borte på tirsdag."),
        ("nn", "Gustav var fråverande."),
        ("en", "Noor has been absent a lot."),
    ],
)
def test_that_a_named_pupil_was_away_is_found(language: str, words: str) -> None:
    assert Leak.ABSENCE in found(words, language)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("sv", "Tre elever riskerar att bli underkända."),
        ("sv", "2 av våra flickor har varit sjuka."),
        ("nb", "To elever har hatt en konflikt."),
        ("nn", "Tre gutar får spesialundervisning."),
        ("en", "Two pupils failed the test."),
        ("en", "Three of the girls were away on Monday."),
    ],
)
def test_few_children_with_something_delicate_are_found(language: str, words: str) -> None:
    assert Leak.SMALL_GROUP in found(words, language)


def test_shares_of_a_small_class_are_found_and_those_of_a_large_one_are_not() -> None:
    assert found("60 % klarade provet.") == []
    small = Known(smallest=8, least=12)
    assert found("60 % klarade provet.", known=small) == [Leak.SMALL_GROUP]


def test_personal_numbers_are_told_from_other_numbers_by_their_check_digits() -> None:
    assert found("Skriv 811218-9876.") == [Leak.PERSONAL_NUMBER]
    assert found("Skriv 19811218 9876.") == [Leak.PERSONAL_NUMBER]
    assert found("Skriv 811218-9875.") == []
    assert is_personal_number("811278-9873")  # samordningsnummer: day + 60
    assert is_personal_number("01010750160")  # Skatteetaten's own test number's kind: date and two check digits
    assert not is_personal_number("01010750161")
    assert not is_personal_number("99999999999")


def test_private_numbers_and_addresses_are_found_and_the_schools_own_are_not() -> None:
    assert found("Ring 070-123 45 67.") == [Leak.PHONE]
    assert found("Ring +47 912 34 567.") == [Leak.PHONE]
    assert found("Ring 08-765 43 21.") == [Leak.PHONE]
    assert found("Ring skolan på 08-123 45 00 mellan 08.00 och 09.30 den 2026-11-02.") == []
    assert found("Skriv till anna@ek.example eller till x@gmail.com.") == [Leak.MAIL]
    assert found("Skriv till rektor@brohamn.se.") == []


ORDINARY = {
    "sv": """
# Det här har vi gjort

Nu har vi läst om *floder* i fyra veckor. Ebba och Noor visade sina kartor för klassen, och Filips modell av en
sluss står i hallen. I matematik arbetar vi med bråk; på fredag är det diagnos i matematik, tre uppgifter i boken.

- Måndag 9 november: studiebesök på vattenverket, vi går hemifrån skolan 8.30 och är tillbaka 11.45.
- Tisdag: idrott ute. Ta med kläder efter väder.
- Torsdag 19/11 kl. 18.00: föräldramöte i matsalen. Fika för 20 kronor.

Om ditt barn är sjukt: sjukanmäl i appen före 8. Skolsköterskan är här på onsdagar. Tre elever från varje klass
sitter i elevrådet. Läs mer på https://brohamn.se/6a. 25 elever och 2 vuxna åker buss 4. Vi har också spelat
medicinboll och pratat om hur man är en bra kompis. Ett barn per familj får ta med en bok. Utflykten kostar inget.
""",
    "nb": """
## Læring

Vi leser om fjorder, og Filip og Noor har holdt et fint foredrag. I norsk skriver elevene fortellinger på 300 ord. To
elever fra hver klasse er med i elevrådet. Klassen har laget 24 kart.

1. Mandag 9. november kl. 08.30: tur til museet. Ta med matpakke og sykkelhjelm.
2. Fredag: kartlegging i regning, side 12–15.

Hvis barnet er sykt, meld fra i appen før 08. Helsesykepleier er på skolen hver onsdag. Velkommen til foreldremøte
torsdag 19. november kl. 18. Vi gleder oss! Ring skolen på 22 12 34 56 ved spørsmål.
""",
    "nn": """
## Dette skjer

Klassa les om fjordar, og Gustav og Ebba har laga ein modell. To elevar frå kvar klasse er med i elevrådet. I
matematikk arbeider vi med brøk, side 12–15. Måndag 9. november kl. 08.30 er det tur: ta med matpakke og godt humør.
Dersom barnet er sjukt, meld frå i appen før kl. 08. Det blir foreldremøte torsdag 19. november kl. 18.
Elevane skriv forteljingar, og alle får låne tre bøker på biblioteket.
""",
    "en": """
# What is going on

We have read about rivers for four weeks. Ebba and Noor showed their maps, and Filip's model stands in the hall.
On Friday there is a diagnostic test in mathematics: three tasks, 40 minutes.

- Monday 9 November: visit to the waterworks, we leave at 8.30 and are back by 11.45.
- Two pupils from each class sit on the council.

If your child is ill, call in sick before 8. The school nurse is here on Wednesdays. Please let us know about
allergies before the trip. The trip costs nothing; 25 pupils and two grown-ups go by bus 4. See
https://brohamn.example/6a or write to 6a@brohamn.example. Will you help us bake? May is a good month for it.
""",
}


@pytest.mark.parametrize("language", ORDINARY)
def test_ordinary_bulletins_raise_no_alarm(language: str) -> None:
    alarms = find(ONE, [Passage(language, "learning", ORDINARY[language])], KNOWN)
    assert [(one.kind, one.line, one.excerpt) for one in alarms] == []


def test_a_finding_says_its_line_and_is_asked_again_when_the_line_has_changed() -> None:
    [before] = find(ONE, [Passage("sv", "learning", "Hej.\n\nHan har adhd.")], KNOWN)
    assert (before.line, before.excerpt) == (3, "Han har adhd.")
    waived = [waiver(before, Reason.AGREED)]
    assert "adhd" not in waived[0]
    [moved] = find(ONE, [Passage("sv", "learning", "Ny rad.\nHej.\n\nHan har adhd.")], KNOWN)
    assert unanswered([moved], waived) == []
    [changed] = find(ONE, [Passage("sv", "learning", "Hon har adhd.")], KNOWN)
    assert unanswered([changed], waived) == [changed]
    [elsewhere] = find(UUID(int=2), [Passage("sv", "learning", "Han har adhd.")], KNOWN)
    assert unanswered([elsewhere], waived) == [elsewhere]


def test_nobody_waves_a_protected_name_through() -> None:
    [name] = find(ONE, [Passage("sv", "learning", "Pia var med.")], KNOWN)
    assert unanswered([name], [waiver(name, Reason.AGREED)]) == [name]


@given(st.text(max_size=300), st.sampled_from(["sv", "nb", "nn", "en", "ar"]))
def test_any_text_can_be_looked_at(words: str, language: str) -> None:
    for one in find(ONE, [Passage(language, "learning", words)], KNOWN):
        assert one.line >= 1


@given(st.text(alphabet="abc .,-*_\n", max_size=80), st.text(alphabet="abc .,-*\n", max_size=80))
def test_a_protected_full_name_is_found_wherever_it_stands(before: str, after: str) -> None:
    assert Leak.PROTECTED_NAME in found(f"{before} Pia Dold {after}")
