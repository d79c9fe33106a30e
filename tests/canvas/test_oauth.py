"""What Canvas may answer to a call for tokens: an error as JSON, or as older Canvas says it, in a redirect."""

from urllib.parse import parse_qs, urlencode

import pytest

from ascriptica_plugin.canvas.errors import CanvasDown, CanvasError
from ascriptica_plugin.canvas.oauth import KeyRefused, OAuth

from ..servers import Raw, reply

ELSEWHERE = "https://office.example.org/approved"


def key(url: str) -> OAuth:
    return OAuth(url, "10", "secret-of-the-key", allow_private=True, ca_file=None, seconds=5)


def redirect(status: str, **query: str) -> bytes:
    return reply(b"", status, Location=f"{ELSEWHERE}?{urlencode(query)}")


def test_only_the_exchange_of_a_code_names_the_redirect_address(raw: Raw) -> None:
    """If a refresh names one, older Canvas answers an error with a redirect."""
    server = raw(reply({"access_token": "new", "refresh_token": "lasting", "expires_in": 3600}))
    key(server.url).use_code("code", ELSEWHERE)
    key(server.url).refresh("lasting")
    exchange, refresh = ({*parse_qs(request.partition(b"\r\n\r\n")[2].decode())} for request in server.requests)
    assert exchange == {"grant_type", "code", "redirect_uri", "client_id", "client_secret"}
    assert refresh == {"grant_type", "refresh_token", "client_id", "client_secret"}


@pytest.mark.parametrize("status", ["302 Found", "303 See Other"])
def test_an_error_in_a_redirect_is_read_and_not_followed(raw: Raw, status: str) -> None:
    server = raw(redirect(status, error="invalid_grant", error_description="refresh_token not found"))
    with pytest.raises(KeyRefused) as refused:
        key(server.url).refresh("dead")
    assert (refused.value.error, refused.value.words) == ("invalid_grant", "refresh_token not found")
    assert len(server.requests) == 1


def test_secrets_that_a_redirect_repeats_are_not_kept(raw: Raw) -> None:
    server = raw(
        redirect("302 Found", error="invalid_grant", error_description="secret-of-the-key, code-of-the-person")
    )
    with pytest.raises(KeyRefused) as refused:
        key(server.url).use_code("code-of-the-person", ELSEWHERE)
    assert "secret-of-the-key" not in str(refused.value) + refused.value.words
    assert "code-of-the-person" not in str(refused.value) + refused.value.words


@pytest.mark.parametrize(
    "answer",
    [
        redirect("302 Found"),
        reply(b"", "302 Found"),
        reply(b"<html>", "400 Bad Request"),
        reply([], "401 Unauthorized"),
        reply({"error": {"message": "no word of OAuth's"}}, "400 Bad Request"),
    ],
)
def test_an_answer_without_an_oauth_error_code_is_not_taken_for_a_refused_key(raw: Raw, answer: bytes) -> None:
    with pytest.raises(CanvasError) as failed:
        key(raw(answer).url).refresh("alive")
    assert not isinstance(failed.value, KeyRefused)


def test_a_web_page_instead_of_tokens_counts_as_canvas_being_down(raw: Raw) -> None:
    with pytest.raises(CanvasDown):
        key(raw(reply(b"<html>Back soon</html>")).url).refresh("alive")
