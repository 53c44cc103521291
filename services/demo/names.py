"""Names of people and places. All invented; the telephone numbers are those set aside for drama."""

from __future__ import annotations

import unicodedata

MUNICIPALITY = "Brohamns kommun"
# Who works at its office, with the role in SS 12000's words.
OFFICE = (("Kerstin", "Ahlgren", "Annan personal"), ("Anders", "Riegels", "Övrig arbetsledning"))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def slug(name: str) -> str:
    """A name as it stands in an address: ASCII, lower case, no blanks."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", "")


SCHOOL_NAMES = {
    "upper": ("Norrströmsgymnasiet", "Fyrgymnasiet", "Sundgymnasiet"),
    "lower": ("Åsundaskolan", "Kvarnbyskolan", "Hagaskolan"),
    "primary": ("Björkdungens skola", "Tallbackens skola", "Lyckans skola"),
}

GIRLS = _words(
    "Alma Alice Astrid Ebba Elsa Ella Ester Freja Ida Ines Ingrid Iris Juni Klara Leia Lilly Linnea Lovisa Maja "
    "Márjá Moa Nora Olivia Saga Selma Signe Siri Solveig Stina Svea Tuva Tyra Vera Wilma Ylva Amina Hodan Leyla "
    "Zofia Aino Helmi Sunniva Ragnhild"
)
BOYS = _words(
    "Adam Albin Alfred Anton Arvid August Axel Bo Casper Edvin Elias Emil Erik Filip Gustav Hampus Hugo Isak Ivar "
    "Jonatan Karl Leo Liam Love Ludvig Malte Melker Mio Nils Noah Oliver Olle Oskar Otto Sigge Theo Valter Viggo "
    "Ante Yusuf Omar Jakub Eino Håkon Sindre"
)
WOMEN = _words(
    "Anna Annika Birgitta Camilla Cecilia Charlotta Elin Elisabeth Emma Eva Fatima Frida Hanna Helena Ida Jenny "
    "Johanna Josefin Karin Katarina Kristina Lena Linda Lisa Magdalena Malin Maria Marit Mikaela Monika Nasrin "
    "Pernilla Ragna Sara Sofia Susanne Therese Ulrika Veronica Åsa"
)
MEN = _words(
    "Ahmed Anders Andreas Björn Christian Daniel David Fredrik Göran Henrik Håkan Jan Joakim Johan Jonas Karim "
    "Kjell Lars Magnus Marcus Martin Mats Mattias Mikael Niklas Ola Patrik Per Peter Piotr Rikard Robert Roger "
    "Stefan Svein Thomas Tobias Torbjörn Ulf Åke"
)
FAMILIES = _words(
    "Abdi Ahlström Almqvist Andersson Bergström Berglund Björk Blom Bäckström Dahlin Edlund Ek Eklund Engström "
    "Eriksson Falk Forsberg Fransson Gunnarsson Gustafsson Haddad Hansen Hedlund Hellström Holm Isaksson Jakobsson "
    "Jansson Johansen Jonsson Kallio Karlsson Kowalska Kvist Larsson Lehtinen Lind Lindqvist Ljung Lundgren Löfgren "
    "Magnusson Mattsson Moberg Nilsson Norberg Nordin Nygren Nyström Ohlsson Olofsson Persson Pettersson Rosén "
    "Sandström Sarri Sjöberg Ström Sundberg Söderlund Torp Vestergaard Viklund Wallin Wikström Åberg Åkesson "
    "Öberg Östlund"
)
STREETS = (
    "Solrosgatan",
    "Hamngatan",
    "Kyrkvägen",
    "Björkstigen",
    "Ekbacken",
    "Fyrvägen",
    "Granitvägen",
    "Kvarngränd",
    "Linnégatan",
    "Mossvägen",
    "Norra Kajen",
    "Rönnvägen",
    "Strandvägen",
    "Tallåsen",
    "Ängsvägen",
)
SUBJECTS = (
    ("MAT", "Matematik"),
    ("SVE", "Svenska"),
    ("ENG", "Engelska"),
    ("NO", "Naturorientering"),
    ("SO", "Samhällsorientering"),
    ("IDH", "Idrott och hälsa"),
    ("BL", "Bild"),
)
