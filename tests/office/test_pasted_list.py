"""How a pasted list is split into people."""

import pytest

from ascriptica_plugin.office.pasted_list import MOST_LINES, TooMany, lines_of, read_people


@pytest.mark.parametrize(
    ("typed", "email", "name"),
    [
        ("kim@example.org", "kim@example.org", ""),
        ("kim@example.org, Kim Lee", "kim@example.org", "Kim Lee"),
        ("Kim Lee;kim@example.org", "kim@example.org", "Kim Lee"),
        ("kim@example.org\tKim Lee", "kim@example.org", "Kim Lee"),
        ("Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ('"Lee, Kim" <kim@example.org>,', "kim@example.org", "Kim Lee"),
        ("Lee, Kim <kim@example.org>;", "kim@example.org", "Kim Lee"),
        ('kim@example.org,"Lee, Kim"', "kim@example.org", "Kim Lee"),
        ("1\tKim\tLee\tkim@example.org", "kim@example.org", "Kim Lee"),
        ("12.\tkim@example.org", "kim@example.org", ""),
        ("3) Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("• kim@example.org", "kim@example.org", ""),
        ("'Kim Lee' <mailto:kim@example.org>", "kim@example.org", "Kim Lee"),
        ("kim@example.org <kim@example.org>", "kim@example.org", ""),
        ('"kim@example.org" <kim@example.org>', "kim@example.org", ""),
        ("kim@example.org (Kim Lee)", "kim@example.org", "Kim Lee"),
        (r'"Kim \"Kimmy\" Lee" <kim@example.org>', "kim@example.org", 'Kim "Kimmy" Lee'),
        ("=?UTF-8?Q?=C3=89mile_Zo=C3=AB?= <kim@example.org>", "kim@example.org", "Émile Zoë"),
        ("O'Neil, Kim <kim@example.org>", "kim@example.org", "Kim O'Neil"),
        ("\u200bKim Lee\ufeff <\u202akim@ex\u00adample.org\u202c>", "kim@example.org", "Kim Lee"),
        ("Zoe\u0308 <kim@example.org>", "kim@example.org", "Zoë"),
        ("Kim <kim@xn--mnchen-3ya.example>", "kim@xn--mnchen-3ya.example", "Kim"),
        ("Kim <kim@MÜNCHEN.example>", "kim@xn--mnchen-3ya.example", "Kim"),
        ("“Lee, Kim” <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("„Lee, Kim“ <kim@example.org>, ", "kim@example.org", "Kim Lee"),
        ("Kim “Kimmy” Lee <kim@example.org>", "kim@example.org", "Kim “Kimmy” Lee"),
        ('"Lee, ""Kimmy"" Kim" <kim@example.org>', "kim@example.org", 'Lee, "Kimmy" Kim'),
        ("Lee, Kim (Room 3) <kim@example.org>", "kim@example.org", "Lee, Kim (Room 3)"),
        ("Kim - Lee <kim@example.org>", "kim@example.org", "Kim - Lee"),
        ("García Pérez, María <kim@example.org>", "kim@example.org", "María García Pérez"),
        ("von Berg, Kim Ann <kim@example.org>", "kim@example.org", "Kim Ann von Berg"),
        ("Kim\u00a0 Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("Kim Lee kim@example.org<mailto:kim@example.org>", "kim@example.org", "Kim Lee"),
        ("Kim Lee kim@example.org", "kim@example.org", "Kim Lee"),
        ("Kim Lee – kim@example.org", "kim@example.org", "Kim Lee"),
        ("Kim Lee (kim@example.org)", "kim@example.org", "Kim Lee"),
        ("Kim Lee [mailto:kim@example.org]", "kim@example.org", "Kim Lee"),
        ("Kim|kim@example.org", "kim@example.org", "Kim"),
        ("mailto:kim@example.org", "kim@example.org", ""),
        ("Bcc: kim@example.org;", "kim@example.org", ""),
        ("1.\tKim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("•\tLee, Kim <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("2.Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("3 Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("#4 Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("b) Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("[ ] Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("☐ Kim Lee kim@example.org", "kim@example.org", "Kim Lee"),
        ("-Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ("1.kim@example.org", "1.kim@example.org", ""),
        ("Alt\tKim\t<kim@example.org>", "kim@example.org", "Alt Kim"),
        # The email says that two cells are one person's name.
        ("Anna Maria\tBerg\tanna.berg@example.org", "anna.berg@example.org", "Anna Maria Berg"),
        ("1\tAnna Maria\tvon Berg\tam_vonberg7@example.org", "am_vonberg7@example.org", "Anna Maria von Berg"),
        ("Jörg Uwe\tMüller\tj.mueller@example.org", "j.mueller@example.org", "Jörg Uwe Müller"),
        ("Jörg Uwe\tMüller\tmuller.jorg@example.org", "muller.jorg@example.org", "Jörg Uwe Müller"),
        # Where it does not, their order does: first name, last name, email.
        ("Anna Maria\tBerg\tanna@example.org", "anna@example.org", "Anna Maria Berg"),
        ("1\tAnna Maria\tvon Berg\tam99@example.org", "am99@example.org", "Anna Maria von Berg"),
        ("Kim Lee, PhD MBA <kim@example.org>", "kim@example.org", "Kim Lee, PhD MBA"),
    ],
)
def test_a_line_is_read(typed, email, name):
    for text, number in ((typed, 1), (f"E-Mail,Name\r\n\r\n{typed}\r\n", 3)):
        [line] = read_people(lines_of(text))
        assert (line.number, line.email, line.name, line.problem) == (number, email, name, None)


INES, JURI = ("Ines Alt", "ines@example.org"), ("Juri Berg", "juri@example.org")


@pytest.mark.parametrize("sign", "!#$%&'*+-/=?^_`{}~.")
@pytest.mark.parametrize("before", ["", "Kim Lee ", "Kim Lee - ", "Kim Lee, "])
def test_an_email_is_never_split_at_a_character_that_it_may_contain(before, sign):
    """A character that may stand in an email is no separator there."""
    email = f"anne{sign}marie@example.org"
    (line,) = read_people(lines_of(before + email))
    assert (line.email, line.name) == (email, before.strip(" -,")) or line.problem


@pytest.mark.parametrize(
    ("typed", "people"),
    [
        (
            '"Alt, Ines" <ines@example.org>, "Berg, Juri" <juri@example.org>',
            [("Ines Alt", INES[1]), ("Juri Berg", JURI[1])],
        ),
        (
            "Alt, Ines <ines@example.org>; Berg, Juri <juri@example.org>;",
            [("Ines Alt", INES[1]), ("Juri Berg", JURI[1])],
        ),
        ("Ines Alt <ines@example.org>; Juri Berg <juri@example.org>", [INES, JURI]),
        ("To: Ines Alt <ines@example.org>, Juri Berg <juri@example.org>", [INES, JURI]),
        ("An: Ines Alt <ines@example.org>, juri@example.org", [INES, ("", JURI[1])]),
        ("juri@example.org, Ines Alt <ines@example.org>", [("", JURI[1]), INES]),
        ("ines@example.org, juri@example.org;", [("", INES[1]), ("", JURI[1])]),
        ("ines@example.org juri@example.org", [("", INES[1]), ("", JURI[1])]),
        ("Ines Alt <ines@example.org>,\n  Juri Berg <juri@example.org>\n", [INES, JURI]),
        ('"A; B, C" <ines@example.org>; "D <d>" <juri@example.org>', [("A; B, C", INES[1]), ("D <d>", JURI[1])]),
        ("\u200b\n\ufeff\nInes Alt <ines@example.org>\n\nJuri Berg <juri@example.org>", [INES, JURI]),
        ("Bcc: ines@example.org，juri@example.org；", [("", INES[1]), ("", JURI[1])]),
        ("'Alt, Ines' <ines@example.org>, “Berg, Juri” <juri@example.org>", [INES, JURI]),
        ("Ann Alt\tBerg\tann@example.org\nJuri\tBerg\tjuri@example.org", [("Ann Alt Berg", "ann@example.org"), JURI]),
        ("sep=;\nEmail;Name;Group\nines@example.org;Ines Alt;Red\njuri@example.org;Juri Berg;", [INES, JURI]),
        # Columns of a spreadsheet, with and without their names.
        ("1\tInes\tAlt\tines@example.org\n2\tJuri\tBerg\tjuri@example.org", [INES, JURI]),
        (
            "No.\tNachname\tVorname\tE-Mail\n1\tAlt\tInes\tines@example.org\n2\tBerg\tJuri\tjuri@example.org",
            [INES, JURI],
        ),
        ("First Name,Last Name,Email,Phone\nInes,Alt,ines@example.org,1\nJuri,Berg,juri@example.org,", [INES, JURI]),
        ("Email;Name;Group\nines@example.org;Ines Alt;Red\njuri@example.org;Juri Berg;", [INES, JURI]),
        # Quotation marks, or the column, say that a comma stands between one person's names.
        (
            '"Alt Ríos, Ana Inés"\tines@example.org\n"Berg, Juri"\tjuri@example.org',
            [("Ana Inés Alt Ríos", "ines@example.org"), JURI],
        ),
        (
            "Apellidos y nombre\tCorreo\nAlt Ríos, Ana Inés\tines@example.org\nBerg, Juri\tjuri@example.org",
            [("Ana Inés Alt Ríos", "ines@example.org"), JURI],
        ),
    ],
)
def test_each_person_is_read_under_their_own_name_and_email(typed, people):
    lines = read_people(lines_of(typed))
    assert [line.problem for line in lines] == [None, None]
    assert [(line.name, line.email) for line in lines] == people


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("Kim Lee", "Enter an email address."),
        ("kim.example.org, Kim Lee", "Enter an email address."),
        ("Kim <kim>", "That is not an email address."),
        ("kim@example.org, Lee, Kim", "More than an email and a name."),
        ("Ann; Bob; kim@example.org", "More than an email and a name."),
        ("Ann\tBob\tCy\tkim@example.org", "More than an email and a name."),
        ("Ann, ann@example.org, Bob, bob@example.org", "More than one email."),
        ("ann@example.org, bob@example.org, Bob", "More than one email."),
        ("Ann\tann@example.org\tBob\tbob@example.org", "More than one email."),
        ("Alt, Ines <ines@example.org>, Berg, Juri <juri@example.org>", "It is not clear who is who."),
        ("Ann <ann@example.org> Bob <bob@example.org>", "It is not clear who is who."),
        ("Ann <ann@example.org>, bob@example.org Bob", "More than an email. Write a name and the email in <brackets>"),
        ("Kim Lee <kim@example.org> vegetarian", "Remove what comes after the email: “vegetarian”."),
        ("Kim Lee <kim@example.org> (by bus)", "Remove what comes after the email: “(by bus)”."),
        ("Ann Alt, Bob Berg <bob@example.org>", "It is not clear who is who."),
        ("Ines Alt, Juri Berg\tines@example.org", "It is not clear who is who."),
        ("ines@example.org\tInes Alt; Juri Berg", "It is not clear who is who."),
        ("Ines Alt, Juri Berg;ines@example.org", "It is not clear who is who."),
        ("Name\tE-Mail\nInes Alt, Juri Berg\tines@example.org", "It is not clear who is who."),
        ("Nombre y apellidos\tCorreo\nInes Alt, Juri Berg\tines@example.org", "It is not clear who is who."),
        ("ines alt, juri berg\tines@example.org", "It is not clear who is who."),
        ("Ines Alt, Dr. Juri Berg <ines@example.org>", "It is not clear who is who."),
        ("Ann Alt, Bob Berg, Cy Lee <cy@example.org>; Di <di@example.org>", "It is not clear who is who."),
        ("ann@example.org;bob@example.org <cy@example.org>", "More than one email."),
        ('"ann@example.org" <bob@example.org>', "More than one email."),
        ("Name;E-Mail\nann@example.org;bob@example.org", "More than one email."),
        ("Ann ann@example.org and Bob bob@example.org", "More than one email."),
        ("Please let Ann Alt come too ann@example.org", "More than an email."),
        ("Ann: ann@example.org", "Remove what comes before the colon."),
        # Two cells of which one is a whole name, or none.
        ("anna@example.org\tAnna Maria\tBerg", "More than an email and a name."),
        ("Ann Alt\tHamburg\tann.alt@example.org", "More than an email and a name."),
        ("ann@example.org\tAnn Alt\tyes", "More than an email and a name."),
        ("Ann\tann@example.org\tguest", "More than an email and a name."),
        ("Ann\t0171 2345\tann@example.org", "More than an email and a name."),
        ("Ann Alt <ann@example.org>\t0171 2345", "More than an email and a name."),
        ("Alt\tAnn <ann@example.org>", "More than an email and a name."),
        ("Ann <ann@example.org>, Bob <bob@>", "“bob@”: That is not an email address."),
        ("Ann <ann@example.org>, Bob", "It is not clear who is who."),
        ("Gruppe: Ann <ann@example.org>", "Remove what comes before the colon."),
        ('"Alt, Ines <ines@example.org>, Juri Berg <juri@example.org>', 'A " is missing.'),
        ("Ann <ann@example.org, Bob <bob@example.org>", "It is not clear who is who."),
        ("x" * 200_000, "Too long for one person."),
        ("y" * 2000 + " <kim@example.org>", "Too long for one person."),
        ("kim@example.org," + "x" * 256, "Keep the name to 255"),
        ("kim@example.org,a\x00b", "Remove the line breaks and control"),
        ("kim@example.org,a\x9bb", "Remove the line breaks and control"),
        ("kim@example.org,a\u202eb", "Remove the line breaks and control"),
        ('"kim@example.org', "The quotation marks don't match."),
    ],
)
def test_a_line_that_can_t_be_read_says_why_and_nobody_of_it_is_taken(typed, problem):
    [line] = read_people(lines_of(typed))
    assert (line.problem or "").startswith(problem)


def test_a_column_of_whole_names_beside_another_one_is_no_first_name():
    lines = ["Ann Alt\tACME\tann1@example.org", "Bob Berg\tBest\tb1@example.org", "Cy Lee\tSons\tc1@example.org"]
    problems = [line.problem or "" for line in read_people(lines_of("\n".join(lines)))]
    assert [problem.startswith("More than an email and a name.") for problem in problems] == [True] * 3


def test_a_line_with_tabs_and_a_quoted_first_cell_is_read_under_a_heading_with_commas():
    for heading in ("Name,E-Mail", "Name;E-Mail"):
        [line] = read_people(lines_of(f'{heading}\n"Alt, Ines"\tines@example.org'))
        assert (line.name, line.email, line.problem) == (*INES, None)


@pytest.mark.parametrize("brackets", ["{}", "<{}>", ", {}", "\t{}"])
@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Name, Vorname", "Berg, Juri"),
        ("Name, Vorname", '"Berg, Juri"'),
        ("Nachname, Vorname", "Berg\tJuri"),
        ("Last name, First name", "Berg; Juri"),
        ("Vorname, Name", "Juri, Berg"),
        ("Vorname, Name", "Juri Berg"),
        ("First name, Last name", "Juri\tBerg"),
        ("Vorname;Nachname", "Juri;Berg"),
        ("Nachname\tVorname", "Berg\tJuri"),
        ("Name", "Berg, Juri"),
        ("Teilnehmer", "Juri Berg"),
    ],
)
def test_a_heading_of_names_alone_says_their_order_and_the_email_stands_behind_them(heading, name, brackets):
    sign = next((sign for sign in "\t;" if sign in name), " ")
    [line] = read_people(lines_of(f"{heading}\n{name}{sign}{brackets.format(JURI[1])}"))
    assert (line.name, line.email, line.problem) == (*JURI, None)


@pytest.mark.parametrize("sign", ["\t", ";", ","])
@pytest.mark.parametrize(("heading", "name"), [("Name, Vorname", "Berg, Juri"), ("Vorname, Name", "Juri, Berg")])
def test_a_column_named_with_a_comma_says_in_which_order_names_stand(heading, name, sign):
    quoted = '"{}"' if sign == "," else "{}"
    lines = [sign.join((quoted.format(one), email)) for one, email in ((heading, "E-Mail"), (name, JURI[1]))]
    [line] = read_people(lines_of("\n".join(lines)))
    assert (line.name, line.email, line.problem) == (*JURI, None)


def test_a_heading_of_names_alone_takes_no_line_with_two_people_apart():
    [line] = read_people(lines_of("Vorname, Name\nJuri, Berg juri@example.org, Ines, Alt ines@example.org"))
    assert line.problem


def test_the_same_person_twice_and_a_family_with_one_address_are_distinguished():
    text = "Ann Alt <fam@example.org>\nALT, Ann <FAM@example.org>\nfam@example.org\nBen Alt <fam@example.org>"
    problems = [line.problem for line in read_people(lines_of(text))]
    assert problems[:3] == [None, *["This email is in the list already."] * 2]
    assert problems[3].startswith(
        "This email is in the list already, for Ann Alt. If these are two people, such as a family"
    )


def test_the_limit_of_a_list_counts_people_however_they_are_written():
    people = [f"P{n} <p{n}@example.org>" for n in range(MOST_LINES)]
    assert len(read_people(lines_of(", ".join(people)))) == MOST_LINES
    assert len(read_people(lines_of("Name;E-Mail\n" + "\n".join(people)))) == MOST_LINES
    for text in (", ".join([*people, "x@example.org"]), "\n".join([*people, "a@x.org, b@x.org"]), "a@b.org " * 501):
        with pytest.raises(TooMany, match="Paste at most 500"):
            read_people(lines_of(text))
