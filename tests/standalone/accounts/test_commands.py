"""flask ascriptica create-user."""

from ...office_at_work import PASSWORD
from ...pages import words


def test_the_operator_makes_an_administrator(app, client):
    result = app.test_cli_runner().invoke(
        args=["ascriptica", "create-user", "boss@example.org", "--name", "Boss", "--admin"],
        env={"ASCRIPTICA_PASSWORD": PASSWORD},
    )
    assert result.exit_code == 0, result.output
    client.post("/sign-in", data={"email": "boss@example.org", "password": PASSWORD})
    assert client.get("/tools/courses").status_code == 200
    # Colleagues find them, to help with what they have lost.
    assert "boss@example.org" in words(client.get("/tools/participants?q=boss"))
    for email in ("boss", "a b@example.org", f"{'a' * 100}@example.org"):
        wrong = app.test_cli_runner().invoke(
            args=["ascriptica", "create-user", email, "--name", "Boss"], env={"ASCRIPTICA_PASSWORD": PASSWORD}
        )
        assert (wrong.exit_code, "is not an email address" in wrong.output) == (1, True)
    again = app.test_cli_runner().invoke(
        args=["ascriptica", "create-user", "boss@example.org", "--name", "Boss"], env={"ASCRIPTICA_PASSWORD": PASSWORD}
    )
    assert again.exit_code == 1
    assert "already" in again.output


def test_the_operator_s_users_are_confirmed_and_their_passwords_are_checked(site, ann):
    command = ["ascriptica", "create-user", "Ann@example.org", "--name", "Ann"]
    runner = site.test_cli_runner()
    refused = runner.invoke(args=command, env={"ASCRIPTICA_PASSWORD": "password1234"})
    assert (refused.exit_code, "too easy" in refused.output) == (1, True)
    assert runner.invoke(args=command, env={"ASCRIPTICA_PASSWORD": PASSWORD}).exit_code == 0
    assert ann.sign_in().status_code == 302
