"""Words that point at somebody, as data: by language, a word as it is or the beginning of one (`*`).

They are few on purpose. Each finding costs a teacher a look in the evening, so what every ordinary bulletin says
(“call in sick”, “the school nurse”, “diagnostic test”) is taken out first by `ORDINARY`.
"""

from __future__ import annotations

from collections.abc import Mapping

EVERYWHERE = "*"  # diagnoses are called much the same in all our languages, and are looked for in every text
HEALTH: Mapping[str, str] = {
    EVERYWHERE: """
        adhd npf asperger* autis* tourette* dyslexi* dyslek* dysleks* dyskalkyl* diabet* epilep* astma* asthma*
        allergi* anorexi* anoreksi* bulimi* depress* deprim* psykos* psykot* schizo* psykiatr* psychiatr* bup celiaki*
        cøliaki* cancer* leukemi* leukaemi* hiv suicid* cp-skad* cerebral*
    """,
    "sv": """
        sjuk sjuka sjukt sjuke sjukdom* sjukhus* sjukskriv* insjuk* långtidssjuk* diagnos* ångest* självskad* självmord*
        ätstörning* funktionsnedsättning* funktionsvari* funktionshind* utvecklingsstörning* språkstörning* medicin*
        medicinerar* utmattning* panikattack* handikapp* missbruk* gravid* abort* utredning*
    """,
    "nb": """
        syk syke sykt sykdom* sykemeld* sykehus* innlagt* diagnose* angst* selvskad* selvmord* spiseforstyrr*
        funksjonsneds* funksjonshem* lærevansk* lesevansk* språkvansk* medisin* utmatt* rusmis* gravid* utredes
        utredning*
    """,
    "nn": """
        sjuk sjuke sjukt sjukdom* sjukmeld* sjukehus* innlagd* diagnose* angst* sjølvskad* sjølvmord* eteforstyrr*
        funksjonsneds* funksjonshem* lærevansk* lesevansk* språkvansk* medisin* utmatt* rusmis* gravid* utgreiing*
    """,
    "en": """
        sick ill illness* disease* unwell hospital* diagnos* medication* medicine* self-harm* anxiety disorder*
        disabilit* disabled handicap* pregnan* anorexic* depressed addict* dyslexic*
    """,
}
# What takes the alarm out of a word: these stretches are not looked at.
ORDINARY: Mapping[str, str] = {
    "sv": r"""
        sjukanmäl\w* | sjukfrånvaroanmäl\w* | medicinboll\w* | diagnostisk\w* | diagnos\w*\s+i\s+\w+
      | \b(?:om|när)\s+(?:(?:ditt|ert|ett|era|någon|du|barnet|barn|eleven|elever|man|ni|är|blir|av|oss)\s+){0,4}sjuk\w*
      | \b(?:är|blir)\s+(?:(?:ditt|ert|era|någon|du|barnet|barn|eleven|man|ni)\s+){1,3}sjuk\w*
      | stanna\w*\s+hemma\s+\w*\s*sjuk\w* | allergivänlig\w* | pollenallergi\w* | utredande
      | (?:meddela|anmäl|informera|berätta)\w*\s+(?:\w+\s+){0,4}allergi\w*
    """,
    "nb": r"""
        sykepleier\w* | sykemeldingsskjema | diagnostisk\w* | medisinball\w*
      | \b(?:hvis|når|om|dersom)\s+(?:(?:barnet|barn|ditt|eleven|elever|noen|du|man|dere|er|blir|et|av)\s+){0,4}syk\w*
      | \b(?:er|blir)\s+(?:(?:barnet|barn|ditt|eleven|noen|du|man|dere)\s+){1,3}syk\w*
      | (?:gi|si|meld)\w*\s+(?:\w+\s+){0,5}allergi\w*
    """,
    "nn": r"""
        sjukepleiar\w* | diagnostisk\w* | medisinball\w*
      | \b(?:viss|når|om|dersom)\s+(?:(?:barnet|barn|ditt|eleven|elevar|nokon|du|ein|de|er|blir|eit|av)\s+){0,4}sjuk\w*
      | \b(?:er|blir)\s+(?:(?:barnet|barn|ditt|eleven|nokon|du|ein|de)\s+){1,3}sjuk\w*
      | (?:gje|sei|meld)\w*\s+(?:\w+\s+){0,5}allergi\w*
    """,
    "en": r"""
        diagnostic\w* | medicine\s+balls? | call(?:s|ing)?\s+in\s+sick | sick\s+leave\s+form
      | \b(?:if|when)\s+(?:(?:your|a|the|child|children|pupil|anybody|anyone|they|you|is|are|feels?|of|or)\s+){0,5}
        (?:sick|ill|unwell)\b
      | \b(?:is|are)\s+(?:(?:your|child|children|anybody|anyone|they|you)\s+){1,3}(?:sick|ill|unwell)\b
      | (?:tell|let)\s+(?:\w+\s+){0,6}allergi\w*
    """,
}
ABSENCE: Mapping[str, str] = {
    "sv": "frånvarande frånvaro* borta skolk* hemma* uteblev* ogiltig*",
    "nb": "fraværende fravær* borte skulk* hjemme* uteblitt*",
    "nn": "fråverande fråvær* borte skulk* heime* utebli*",
    "en": "absent* absence* away truan* home missed",
}
# What about few children makes them easy to point at:
DELICATE: Mapping[str, str] = {
    "sv": """
        underkän* f-varning* icke-godkän* betyget-f orosanmäl* mobb* kränk* anpassning* stöd särskilt-stöd stödinsats*
        stödundervisning* konflikt* bråk* slagsmål* åtgärdsprogram* nyanländ* polis* socialtjänst* fosterhem*
        svårigheter* misslyck* avstängd* stulit* stöld* flykting* riskerar
    """,
    "nb": """
        stryk ikke-bestått karakter* mobb* krenk* spesialundervis* støtteundervis* konflikt* slåss* slåssing* barnevern*
        politi* fosterhjem* vansker* utvist* stjål* tyveri* flyktning* risikerer
    """,
    "nn": """
        stryk ikkje-bestått karakter* mobb* krenk* spesialundervis* støtteundervis* konflikt* slåst* barnevern* politi*
        fosterheim* vanskar* utvist* stal stole* flyktning* risikerer
    """,
    "en": """
        fail fails failed failing bull* harass* support conflict* fight* police social-services foster* difficult*
        suspended stole stolen theft* refugee* struggl*
    """,
}
FEW: Mapping[str, tuple[str, str]] = {  # numbers below six, and whom they count
    "sv": ("1 2 3 4 5 en ett två tre fyra fem", "elev* barn* pojk* flick* kill* tjej*"),
    "nb": ("1 2 3 4 5 en ei et to tre fire fem", "elev* barn* gutt* jente*"),
    "nn": ("1 2 3 4 5 ein ei eit to tre fire fem", "elev* barn* gut* jent*"),
    "en": ("1 2 3 4 5 one two three four five", "pupil* student* child* boy* girl* kid*"),
}
PRIVATE_MAIL = frozenset(
    """
    gmail.com googlemail.com hotmail.com hotmail.se hotmail.no outlook.com live.com live.se live.no msn.com icloud.com
    me.com yahoo.com yahoo.se yahoo.no telia.com bredband.net spray.se online.no proton.me protonmail.com
    """.split()  # noqa: SIM905
)
# Given names that are ordinary words too: inside a sentence a capital letter tells which, at its start nothing does.
ALSO_WORDS = frozenset(
    """
    bo my sol liv björn bjørn sten stein stig dag vår mai may hans tor odd even gro ask eli alla man si be ro frid glad
    linnea viola ros rosa rose hope faith grace joy will mark art bill frank max june juni juli mars august april sky
    saga nova vera siv storm ulf varg mons ola love loke per ben bror jul dan dom rut ville vide vilja vilde tone tom
    knut tuva lo li lin mina min dina gry rune live mari kaja iris jasmin alma stella vega villa tilde ture tage lage
    tea ina ane ås tore pat rob sue jo dean grant miles rich dawn eve ivy holly penny ruby amber crystal heather jade
    pearl sandy summer autumn drew chase lance wade noa elle signe
    """.split()  # noqa: SIM905
)
