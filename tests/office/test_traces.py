"""Finding somebody in texts: by any spelling of an email, on both databases, and nobody else."""

import unicodedata

import pytest

from ascriptica_plugin.ledger import activity
from ascriptica_plugin.office import traces
from ascriptica_plugin.tables.office import LogEntry

from ..office_at_work import Office
from ..pages import all_of


@pytest.mark.parametrize(
    ("email", "words", "found"),
    [
        ("kim@example.org", "Of KIM@example.org.", True),
        ("kim@example.org", "email: kim@example.org → k@example.org", True),
        ("kim@example.org", "(kim@example.org)", True),
        ("jörg@exämple.org", "JÖRG@EXÄMPLE.ORG", True),
        ("jörg@exämple.org", unicodedata.normalize("NFD", "Jörg@exämple.org"), True),
        (unicodedata.normalize("NFD", "jörg@exämple.org"), "Of JÖRG@exämple.org", True),
        ("straße@example.org", "STRASSE@example.org", True),
        ("íris@example.org", "Of ÍRIS@example.org, said Íris", True),
        ("дима@пример.org", "ДИМА@ПРИМЕР.ORG", True),
        ("a_b@example.org", "axb@example.org", False),
        ("a%b@example.org", "a/b@example.org", False),
        ("a/b@example.org", "A/B@example.org", True),
        ("jörg@example.org", "jurg@example.org", False),
        ("lee@example.org", "kim.lee@example.org", False),
        ("lee@example.org", "kim-lee@example.org", False),
        ("lee@example.org", "lee@example.org.uk", False),
        ("lee@example.org", "lee@example.organic", False),
        ("Canvas ID 7", "Kim, login k, Canvas ID 7. Choose", True),
        ("Canvas ID 7", "Kim, login k, Canvas ID 71", False),
    ],
)
def test_a_spelling_is_found_as_a_whole_and_not_within_a_longer_text(app, email, words, found):
    office = Office(app, None)
    activity.note(office.session, office.now, words, "did", f"{words}")
    activity.note(office.session, office.now, "boss@example.org", "did", "nothing of it")
    office.session.commit()
    [number] = [entry.id for entry in all_of(app, LogEntry) if entry.words == words]
    assert traces.saying(office.session, LogEntry.words, {email}) == ({number} if found else set())
    whole = found and traces.fold(words) == traces.fold(email)
    assert traces.saying(office.session, LogEntry.who, {email}, whole=True) == ({number} if whole else set())


@pytest.mark.parametrize(
    ("name", "file", "found"),
    [
        ("Jörg Straßer", "STRASSER_jörg.csv", True),
        ("Jörg Straßer", "liste-jorg2.csv", True),
        ("Kim Lee", "k.lee-2027.tsv", True),
        ("李 明", "李明.csv", True),
        ("J. R. Ewing", "participants.csv", False),
        ("Kim Lee", "participants.csv", False),
        ("Kim Lee", "klee@.csv", True),
    ],
)
def test_a_file_name_with_a_word_of_somebody_s_name_counts_as_naming_them(name, file, found):
    assert traces.names_one(file, traces.words_of(name, {"klee@example.org"})) is found
