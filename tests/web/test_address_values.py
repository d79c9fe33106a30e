"""Numbers in the address of a page that can be no id."""

from ..office_at_work import sign_in


def test_an_address_with_an_impossible_number_is_not_found(app, client):
    """On any page with a number in its address, also where nobody thought of it."""
    sign_in(client, app, "boss@example.org", admin=True)
    addresses = app.url_map.bind("localhost")
    with_number = [
        rule
        for rule in app.url_map.iter_rules()
        if "IntegerConverter" in {type(one).__name__ for one in rule._converters.values()}
    ]
    assert len(with_number) > 9
    for rule in with_number:
        for number in (2**31, 2**70):
            path = addresses.build(rule.endpoint, dict.fromkeys(rule.arguments, number))
            for method in rule.methods & {"GET", "POST"}:
                answer = client.open(path, method=method)
                assert answer.status_code == 404, (method, path)
                assert "There is no such page" in answer.text
