"""What went wrong, as a code with its parameters: so it is stored, and so pages can say it in any language.

Every sentence of that kind is in this module. What Canvas said, and what people typed, are parameters.
"""

import json
from typing import Any

SENTENCES = {
    "words": "{words}",
    "canvas_said": "Canvas said: {words}",
    "token_refused": "Canvas refused the token: {words}",
    "slow_down": "Canvas asked us to slow down.",
    "redirected": "The address redirects to {where}. Enter Canvas's own address.",
    "http_error": "Canvas answered with error {status}.",
    "web_page": "The answer was a web page instead of Canvas's data.",
    "something_else": "Canvas answered something other than what was asked for.",
    "no_list": "Canvas answered something other than the list that was asked for.",
    "endless_list": "Canvas's list {path} does not end after {pages} pages.",
    "not_in_time": "Canvas did not answer in time.",
    "host_not_in_time": "{host} did not answer in time.",
    "bad_certificate": "{host} could not prove its identity (its certificate was not accepted).",
    "no_server": "There is no server named {host}.",
    "not_readable": "{host} sent an answer that could not be read.",
    "not_reached": "{host} could not be reached.",
    "private_network": "{name} is inside a private network.",
    "busy": "Canvas is busy. Try again in a moment.",
    "our_side": "That failed on our side; the details are in the worker's log. We try again.",
    "unforeseen": "{name}",
    "another_user": "Canvas names another user every time.",
    "hidden_row": "Canvas shows the enrollment and hides it.",
    "no_logins": "The search can't see logins.",
    "no_emails": "The search can't see email addresses.",
    "user_deleted": "The Canvas user was deleted.",
    "no_course": "Canvas has no course {course}, or the token may not see it.",
    "no_students": "{course} is a blueprint course or a course template in Canvas, and those take no students. Choose "
    "another Canvas course.",
    "no_section": "{course} has no section {section} in Canvas.",
    "token_missing": "Paste the token that you made in Canvas.",
    "secret_missing": "Paste the client secret of this developer key: choose Show Key in Canvas.",
    "token_of_another": "This is another Canvas: paste a token made there. The saved one is never sent anywhere else.",
    "token_unreadable": "The saved token can't be read any more. Paste it again.",
    "token_not_accepted": "Canvas does not accept this token. Copy it again, or make a new one in Canvas.",
    "no_administrator": "Canvas knows this token, but its owner is not an administrator of the root account. Make the "
    "token while signed in as one.",
    "approval_over": "Canvas does not accept this approval any more. Approve it again.",
    "approver_no_administrator": "The person who approved the key is not an administrator of the root account. Sign in "
    "to Canvas as one, and approve it again.",
    "approval_unknown": "This approval was not begun here, or it was used already. Choose Approve in Canvas again.",
    "approval_unanswered": "Canvas did not answer: {answer} Choose Approve in Canvas again.",
    "approval_refused": "Canvas says: {words}. See that the key is as described below, and approve it again.",
    "approval_access_denied": "It was refused in Canvas. Choose Approve in Canvas again, and there Authorize.",
    "approval_unauthorized_client": "It is off in Canvas. Under Developer Keys, switch it ON, and approve it again.",
    "approval_invalid_scope": "It lacks scopes in Canvas. Open it under Developer Keys, tick every scope of the list "
    "below and choose Save. Then approve it again.",
    "approval_invalid_client": "Canvas does not know this client ID. Copy it from the column Details under Developer "
    "Keys, and choose Save.",
    "approval_invalid_client_secret": "Canvas does not accept the client secret. Choose Show Key in Canvas, copy all "
    "of it, paste it and choose Save.",
    "approval_invalid_grant": "The approval took too long, or was used already. Choose Approve in Canvas again.",
    "approval_client_not_allowed_for_user": "Canvas does not let this person approve keys. Sign in to Canvas as an "
    "administrator, and approve it again.",
    "scopes_missing": "The developer key lacks these scopes: {scopes}. In Canvas, open the key, tick them and choose "
    "Save. Then approve it again.",
    "no_service": "This does not look like a Canvas web service URL. {answer}",
    "sub_account": "{account} ({root_id}) is a sub-account. The root account is {name}, ID {right_id}.",
    "sub_account_only": "{account} ({root_id}) is a sub-account. The root account is the topmost one in Canvas's Admin "
    "menu.",
    "no_account": "Canvas has no account {root_id} for this token. The root account is {name}, ID {right_id}.",
    "import_stuck": "Canvas did not carry the import out within two hours, so it was aborted.",
    "import_lost": "The import did not arrive at Canvas.",
    "no_account_only": "Canvas has no account {root_id} for this token. The root account is the topmost one in "
    "Canvas's Admin menu.",
}
"""Codes, and what they say in English. `words` is what somebody else put into words, or an older release."""


class Said(str):
    """A sentence that knows its code and parameters. To a page it is a text like any other."""

    code: str
    about: dict[str, Any]

    def __new__(cls, code: str, **about: Any) -> "Said":
        made = super().__new__(cls, SENTENCES[code].format(**about))
        made.code, made.about = code, about
        return made

    @classmethod
    def of(cls, text: str) -> "Said":
        """The text as it is, or as the words of somebody else."""
        return text if isinstance(text, cls) else cls("words", words=text)

    def to_json(self) -> str:
        return json.dumps(self._as_dict(), ensure_ascii=False)

    def _as_dict(self) -> dict[str, Any]:
        about = {name: one._as_dict() if isinstance(one, Said) else one for name, one in self.about.items()}
        return {"code": self.code, **about}

    @classmethod
    def _from_dict(cls, stored: dict[str, Any]) -> "Said":
        about = {name: cls._from_dict(one) if isinstance(one, dict) else one for name, one in stored.items()}
        return cls(about.pop("code"), **about)

    @classmethod
    def from_json(cls, stored: str) -> "Said":
        """What `to_json` made. What an older release stored is no JSON, and stays as it was worded."""
        try:
            return cls._from_dict(json.loads(stored))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls("words", words=stored)
