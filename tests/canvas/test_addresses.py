"""What people paste as a course, a section or an account, row by row: what it becomes, or why it is refused."""

import ipaddress
import random
from functools import partial

import pytest

from ascriptica_plugin.canvas.addresses import canvas_account, canvas_course, canvas_section, canvas_url

from .refused import (
    BEGIN_WITH_HTTPS,
    COPY_AGAIN,
    LOOKS_LIKE,
    NO_PASSWORD,
    SCHOOL,
    refusal,
)

# -- courses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "course"),
    [
        ("42", "42"),
        (" 42 ", "42"),
        ("0042", "42"),
        (f"{'0' * 6000}42", "42"),
        ("9223372036854775807", "9223372036854775807"),
        ("00009223372036854775807", "9223372036854775807"),
        ("sis_course_id:ART-1", "sis_course_id:ART-1"),
        ("SIS_Course_ID:ART-1", "sis_course_id:ART-1"),
        ("sis_course_id: ART 1 / spring ", "sis_course_id:ART 1 / spring"),
        ("sis_course_id:a:b", "sis_course_id:a:b"),
        ("sis_course_id:50%2F50", "sis_course_id:50%2F50"),
        ("sis_course_id:Ünï-学", "sis_course_id:Ünï-学"),
        ("sis_course_id:42", "sis_course_id:42"),
        ("https://school.instructure.com/courses/42", "42"),
        ("https://school.instructure.com/courses/42/", "42"),
        ("https://school.instructure.com/courses/42/users?x=1#y", "42"),
        ("https://school.instructure.com/courses/42?x=1", "42"),
        ("https://school.instructure.com/courses/42#y", "42"),
        ("https://school.instructure.com/courses/0042", "42"),
        ("https://school.instructure.com/api/v1/courses/42", "42"),
        ("https://school.instructure.com:443/courses/42", "42"),
        ("https://SCHOOL.instructure.com./courses/42", "42"),
        ("http://school.instructure.com/courses/42", "42"),
        ("school.instructure.com/courses/42", "42"),
        ("//school.instructure.com/courses/42", "42"),
        ("/courses/42", "42"),
        ("/courses/42/modules", "42"),
        ("https://school.instructure.com/courses/sis_course_id:ART-1", "sis_course_id:ART-1"),
        ("https://school.instructure.com/courses/sis_course_id%3AART-1", "sis_course_id:ART-1"),
        ("https://school.instructure.com/courses/SIS_COURSE_ID:ART-1", "sis_course_id:ART-1"),
        ("https://school.instructure.com/courses/sis_course_id:ART%2F1%20b/users", "sis_course_id:ART/1 b"),
        ("https://school.instructure.com/courses/sis_course_id:100%25", "sis_course_id:100%"),
    ],
)
def test_a_canvas_course_is_read_from_a_number_an_address_or_a_sis_id(typed: str, course: str) -> None:
    assert canvas_course(typed, SCHOOL) == course
    assert canvas_course(typed, None) == course
    assert canvas_course(course, SCHOOL) == course


NO_COURSES = [
    "",
    "   ",
    "0",
    "000",
    "-1",
    "+1",
    "4 2",
    "4.2",
    "42x",
    "0x2a",
    "1e3",
    "4_2",
    "art",
    "٤٢",
    "4２",
    "４２",
    "²",
    "9223372036854775808",
    "9999999999999999999",
    "12345678901234567890",
    "9" * 5000,
    "sis_course_id:",
    "sis_course_id:  ",
    "sis_course_id",
    "sis_section_id:A",
    "sis_course_id:A\nB",
    "sis_course_id:A\x00B",
    "sis_course_id:A\u2028B",
    "sis_course_id:\ud800",
    "https://school.instructure.com",
    "https://school.instructure.com/courses",
    "https://school.instructure.com/courses/",
    "https://school.instructure.com/courses/0",
    "https://school.instructure.com/courses/art",
    "https://school.instructure.com/courses/٤٢",
    "https://school.instructure.com/courses/12345678901234567890",
    "https://school.instructure.com/courses/sis_course_id:",
    "https://school.instructure.com/courses/sis_course_id:%00",
    "https://school.instructure.com/courses/sis_course_id:A%0AB",
    "https://school.instructure.com/accounts/1",
]


@pytest.mark.parametrize("typed", NO_COURSES)
def test_a_text_that_names_no_canvas_course_is_refused(typed: str) -> None:
    for url in (SCHOOL, None):
        assert "the number after /courses/" in refusal(canvas_course, typed, url)


@pytest.mark.parametrize(
    ("typed", "there"),
    [
        ("https://elsewhere.example/courses/42", "elsewhere.example"),
        ("elsewhere.example/courses/42", "elsewhere.example"),
        ("//elsewhere.example/courses/42", "elsewhere.example"),
        ("https://school.instructure.com:8443/courses/42", "school.instructure.com:8443"),
        ("https://school.instructure.com.elsewhere.example/courses/42", "school.instructure.com.elsewhere.example"),
        ("https://elsewhere.example/courses/42?x=school.instructure.com", "elsewhere.example"),
        ("https://elsewhere.example/courses/sis_course_id:ART-1", "elsewhere.example"),
        ("https://[::1]:5001/courses/42", "[::1]:5001"),
    ],
)
def test_another_canvas_course_is_refused_naming_both(typed: str, there: str) -> None:
    sentence = refusal(canvas_course, typed, SCHOOL)
    assert f"on {there}, but" in sentence
    assert "connected to school.instructure.com." in sentence


def test_a_course_address_with_a_port_or_an_idn_name_is_compared_with_its_canvas() -> None:
    assert canvas_course("http://127.0.0.1:5001/courses/42", "http://127.0.0.1:5001/api/v1") == "42"
    assert canvas_course("https://schüle.example/courses/42", "https://xn--schle-mva.example/api/v1") == "42"
    assert "127.0.0.1:5002" in refusal(
        canvas_course, "http://127.0.0.1:5002/courses/42", "http://127.0.0.1:5001/api/v1"
    )


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("https://ann:secret@school.instructure.com/courses/42", NO_PASSWORD),
        ("ftp://school.instructure.com/courses/42", BEGIN_WITH_HTTPS),
        ("https://[/courses/42", LOOKS_LIKE),
        ("https:///courses/42", LOOKS_LIKE),
        ("see https://school.instructure.com/courses/42", COPY_AGAIN),
    ],
)
def test_a_broken_course_address_is_refused_with_the_remedy(typed: str, remedy: str) -> None:
    sentence = refusal(canvas_course, typed, SCHOOL)
    assert remedy in sentence
    assert "secret" not in sentence


# -- sections and accounts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "section"),
    [
        ("17", "17"),
        (" 0017 ", "17"),
        ("9223372036854775807", "9223372036854775807"),
        ("sis_section_id:A 1", "sis_section_id:A 1"),
        ("SIS_SECTION_ID: A/1", "sis_section_id:A/1"),
        ("https://school.instructure.com/courses/42/sections/17", "17"),
        ("https://school.instructure.com/courses/42/sections/0017?x#y", "17"),
        ("/courses/42/sections/17/", "17"),
        ("https://school.instructure.com/courses/42/sections/sis_section_id:A%2F1", "sis_section_id:A/1"),
    ],
)
def test_a_canvas_section_is_read_from_a_number_an_address_or_a_sis_id(typed: str, section: str) -> None:
    assert canvas_section(typed) == section
    assert canvas_section(section) == section


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "-1",
        "late",
        "１７",
        "٤٢",
        "9223372036854775808",
        "12345678901234567890",
        "9" * 5000,
        "sis_section_id:",
        "sis_course_id:A",
        "sis_section_id:A\x00",
        # 0 stands for the default section here.
        "https://school.instructure.com/courses/42/sections/0",
        "https://school.instructure.com/courses/42/sections/",
        "https://school.instructure.com/courses/42/sections/12345678901234567890",
        "https://school.instructure.com/courses/42",
    ],
)
def test_a_text_that_names_no_canvas_section_is_refused(typed: str) -> None:
    assert "Canvas section's ID" in refusal(canvas_section, typed)


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("1", 1),
        (" 0001 ", 1),
        ("00000000000000000000001", 1),
        ("10000000000001", 10000000000001),
        ("9223372036854775807", 2**63 - 1),
        ("https://school.instructure.com/accounts/81", 81),
        ("https://school.instructure.com/accounts/81/settings?x=1#tab-users", 81),
        ("school.instructure.com/accounts/0081/", 81),
        ("/accounts/81", 81),
    ],
)
def test_a_canvas_account_is_read_from_a_number_or_an_address(typed: str, account: int) -> None:
    assert canvas_account(typed) == account


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "-1",
        "1.0",
        "self",
        "１",
        "٤٢",
        "²",
        "9223372036854775808",
        "12345678901234567890",
        "9" * 5000,
        "sis_account_id:A",
        ":A",
        "https://school.instructure.com/accounts",
        "https://school.instructure.com/accounts/self",
        "https://school.instructure.com/accounts/0",
        "https://school.instructure.com/accounts/12345678901234567890",
        "https://school.instructure.com/courses/42",
    ],
)
def test_a_text_that_names_no_canvas_account_is_refused(typed: str) -> None:
    assert "the number after /accounts/" in refusal(canvas_account, typed)


@pytest.mark.parametrize(
    ("read", "path", "what"),
    [(canvas_section, "courses/42/sections/17", "section"), (canvas_account, "accounts/17", "account")],
)
def test_another_canvas_section_or_account_is_refused_naming_both(read, path: str, what: str) -> None:
    for taken in (path.rpartition("/")[2], f"/{path}", f"school.instructure.com/{path}", f"{SCHOOL[:-7]}/{path}"):
        assert int(read(taken, SCHOOL)) == 17
    for host in ("elsewhere.example", "school.instructure.com:8443", "school.instructure.com.elsewhere.example"):
        sentence = refusal(read, f"https://{host}/{path}", SCHOOL)
        assert f"That {what} is on {host}, but" in sentence
        assert sentence.endswith(" school.instructure.com.")
        # Without a Canvas there is nothing to compare with.
        assert int(read(f"https://{host}/{path}")) == 17


# -- anything at all --------------------------------------------------------------------------------------------------

PIECES = [
    *("https://", "http://", "HTTPS:", "//", "/", "\\", ":", "@", "[", "]", "?", "#", "%", "%2F", "%00", "%zz", "."),
    *("school", "instructure.com", "127.0.0.1", "::1", "0x7f", "1", "42", "٤٢", "²", "localhost", "xn--", "-", "_"),
    *("courses/", "/courses/", "/sections/", "/accounts/", "sis_course_id:", "sis_section_id:", "api/v1", ":443"),
    *(" ", "\t", "\n", "\x00", "\x1f", "\x7f", "\x85", "\xa0", "\xad", "\u200b", "\u202e", "\u2028", "\ufeff"),
    *("ß", "İ", "ﷺ", "℀", "。", "．", "学", "\ud800", "🎓", "e\u0301", "\u0301", "a" * 70, "9" * 30, "'", "<"),
]


def test_any_text_is_either_read_or_refused_with_a_sentence() -> None:
    chance = random.Random(11)
    odd = ["".join(chance.choices(PIECES, k=chance.randint(1, 9))) for _ in range(1500)]
    odd += ["".join(chr(chance.randrange(0x3000)) for _ in range(chance.randint(1, 12))) for _ in range(300)]
    odd += [f"https://{typed}" for typed in odd[-300:]]
    taken = 0
    for typed in odd:
        for read, *more in (
            (canvas_url,),
            (partial(canvas_url, allow_private=True),),
            (canvas_course, SCHOOL),
            (canvas_course, None),
            (canvas_section,),
            (canvas_account,),
        ):
            try:
                made = read(typed, *more)
            except ValueError as refused:
                kind, sentence = type(refused), str(refused)
                assert kind is ValueError, typed
                assert sentence[0].isupper(), (typed, sentence)
                assert sentence[-1] == ".", (typed, sentence)
                assert sentence.isprintable(), (typed, sentence)
                continue
            taken += 1
            # An accepted text is in its tidy form, and nothing can hide in it.
            assert read(str(made), *more) == made, typed
            assert str(made).isprintable(), typed
            if read is canvas_url:
                host = made.removeprefix("https://").removesuffix("/api/v1").partition(":")[0]
                assert made.isascii(), typed
                assert "." in host or made.startswith("https://["), typed
                if host.replace(".", "").isdigit():
                    assert ipaddress.ip_address(host).is_global, typed
    assert taken > 100
