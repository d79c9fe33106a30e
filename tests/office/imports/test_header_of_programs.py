"""Files as offices have them, from the programs that write them: taken in, or refused with the sentence that helps.

Written by us after the programs' published formats; the people are invented.
"""

import pytest

from ascriptica_plugin.tables.office import Participant

from ...pages import all_of, upload, words

INES, JURI = ("ines@example.org", "Ines Alt"), ("juri@example.org", "Juri Berg")

TAKEN = {
    "canvas gradebook": (
        "Student,ID,SIS User ID,SIS Login ID,Section,Essay (12),Final Score\n"
        ",,,,,Manual Posting,\n"
        '"    Points Possible",,,,,10,(read only)\n'
        '"Alt, Ines",101,S-1,ines@example.org,Autumn,9,90\n'
        '"Berg, Juri",102,S-2,juri@example.org,"Autumn and Evening",,\n',
        "Student: name; SIS User ID: sis user id; SIS Login ID: email",
        [("ines@example.org", "Ines Alt", "S-1"), ("juri@example.org", "Juri Berg", "S-2")],
        ["line 2: Enter an email address.", "line 3: Enter an email address."],
    ),
    "moodle participants": (
        "\ufeffFirst name,Last name,ID number,Email address,Groups\n"
        "Ines,Alt,S-1,ines@example.org,\nJuri,Berg,,juri@example.org,Red\n",
        "First name: first name; Last name: last name; ID number: sis user id; Email address: email",
        [(*INES, "S-1"), (*JURI, None)],
        ["Ignored columns: Groups."],
    ),
    "moodle in german": (
        "Vorname;Nachname;E-Mail-Adresse;Letzter Zugriff\n"
        "Ines;Alt;ines@example.org;nie\nJuri;Berg;juri@example.org;heute\n",
        "Vorname: first name; Nachname: last name; E-Mail-Adresse: email",
        [(*INES, None), (*JURI, None)],
        ["Ignored columns: Letzter Zugriff."],
    ),
    "eventbrite attendees": (
        "Order #,Order Date,First Name,Surname,Email,Quantity,Ticket Type,Attendee #,Do you eat meat?\n"
        '7,2027-01-01,Ines,Alt,ines@example.org,1,Free,1,"Yes, or rather:\nno,\nthanks"\n'
        "8,2027-01-02,Juri,Berg,juri@example.org,1,Free,2,\n",
        "First Name: first name; Surname: last name; Email: email",
        [(*INES, None), (*JURI, None)],
        ["Ignored columns: Order #, Order Date, Quantity, Ticket Type, Attendee #, Do you eat meat?."],
    ),
    "google contacts": (
        "Name,Given Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Value\n"
        "Ines Alt,Ines,Alt,Home,ines@example.org,\nJuri Berg,Juri,Berg,* Work,juri@example.org,1\n",
        "Name: name; E-mail 1 - Value: email",
        [(*INES, None), (*JURI, None)],
        [],
    ),
    "outlook contacts": (
        "First Name,Middle Name,Last Name,Company,E-mail Address,E-mail Display Name\n"
        "Ines,,Alt,,ines@example.org,Ines (x)\nJuri,,Berg,,juri@example.org,\n",
        "First Name: first name; Last Name: last name; E-mail Address: email",
        [(*INES, None), (*JURI, None)],
        [],
    ),
    "thunderbird address book": (
        "First Name,Last Name,Display Name,Nickname,Primary Email,Secondary Email\n"
        "Ines,Alt,Ines Alt,,ines@example.org,\nJuri,Berg,Juri Berg,,juri@example.org,j@example.org\n",
        "Display Name: name; Primary Email: email",
        [(*INES, None), (*JURI, None)],
        [],
    ),
    "german spreadsheet": (
        "sep=;\r\n"
        "Name;Vorname;E-Mail;Matrikelnummer\r\nAlt;Ines;ines@example.org;0815\r\nBerg;Juri;juri@example.org;\r\n",
        "Name: last name; Vorname: first name; E-Mail: email; Matrikelnummer: sis user id",
        [(*INES, "0815"), (*JURI, None)],
        [],
    ),
    "french spreadsheet": (
        "Nom;Prénom;Courriel;;Numéro d'étudiant\n"
        "Alt;Ines;ines@example.org;;\nBerg;Juri;juri@example.org;absent;1,00E+11\n",
        "Nom: last name; Prénom: first name; Courriel: email; column 4: ignored; Numéro d'étudiant: sis user id",
        [(*INES, None)],
        ["line 3: “1,00E+11” is a number that a spreadsheet has changed.", "Ignored columns: column 4."],
    ),
    "spanish spreadsheet": (
        "Nombre\tApellidos\tCorreo electrónico\nInes\tAlt\tines@example.org\nJuri\tBerg\tjuri@example.org\n",
        "Nombre: first name; Apellidos: last name; Correo electrónico: email",
        [(*INES, None), (*JURI, None)],
        [],
    ),
    "russian moodle": (
        "Имя,Фамилия,Адрес электронной почты\nИнес,Альт,ines@example.org\nЮрий,Берг,juri@example.org\n",
        "Имя: first name; Фамилия: last name; Адрес электронной почты: email",
        [("ines@example.org", "Инес Альт", None), ("juri@example.org", "Юрий Берг", None)],
        [],
    ),
    "online form": (
        "ID,Start time,Completion time,Email,Name,Your wishes\n"
        "1,1/1/27,1/1/27,ines@example.org,Ines Alt,\n2,1/1/27,,juri@example.org,Juri Berg,none\n",
        None,
        [(*INES, None), (*JURI, None)],
        ["Ignored columns: ID, Start time, Completion time, Your wishes."],
    ),
    "our own roster": (
        '\ufeff"name","email","sis_user_id","status","registered_at","withdrawn_at","canvas_access"\r\n'
        '"Ines Alt","ines@example.org","S-1","registered","2027-01-01 10:00","","In Canvas"\r\n',
        None,
        [(*INES, "S-1")],
        ["Ignored columns: status, registered_at, withdrawn_at, canvas_access."],
    ),
}


@pytest.mark.parametrize("program", TAKEN)
def test_a_program_s_file_can_be_imported_with_the_columns_that_are_offered(app, command, program):
    data, offer, people, said = TAKEN[program]
    if offer:
        code, output = command("participants", data)
        assert code == 2
        for line in offer.split("; "):
            assert f"  {line}\n" in output
        assert all_of(app, Participant) == []
    code, output = command("participants", data, *(["--accept-columns"] if offer else []))
    assert sorted((one.email, one.name, one.sis_user_id) for one in all_of(app, Participant)) == people, output
    for line in said:
        assert line in output
    assert code == any(line.startswith("line") for line in said)


UMLAUTS = "Name;E-Mail\nJörg;joerg@example.org\n"
REFUSED = {
    "spreadsheet in the old encoding": (UMLAUTS.encode("cp1252"), "This file is not in UTF-8"),
    "unicode text": (UMLAUTS.replace(";", "\t").encode("utf-16"), "This file is not in UTF-8"),
    "a workbook": (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xff\xfe", "This file is not in UTF-8"),
    "no first line": (b"Ines Alt,ines@example.org\nJuri Berg,juri@example.org\n", "There is no column email."),
    "names alone": ("Nom;Prénom;Téléphone\nAlt;Ines;1\n".encode(), "There is no column email."),
    "a vcard": (b"BEGIN:VCARD\nVERSION:3.0\nFN:Ines Alt\nEMAIL:ines@example.org\nEND:VCARD\n", "no column email."),
    "a web page": (b"<!DOCTYPE html><html><body>Please sign in</body></html>\n<p>", "There is no column email."),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_is_refused_with_the_sentence_that_helps(app, command, admin, what):
    data, sentence = REFUSED[what]
    code, output = command("participants", data, "--accept-columns")
    assert code == 2
    assert sentence in output
    assert sentence in words(upload(admin, "participants", data))
    assert all_of(app, Participant) == []
