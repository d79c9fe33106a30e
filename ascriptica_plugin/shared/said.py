"""What went wrong and what was done, as codes with their parameters. They are stored like this so that pages can show
them in any language.

Every sentence of that kind is in this module. What Canvas said, and what people typed, are parameters.
"""

import json
import re
from typing import Any

from .language import Marked, t

SENTENCES: Marked[dict[str, str]] = {
    "words": "{words}",
    "canvas_said": "Canvas said: {words}",
    "no_reason": "no reason given",
    "another_page": "another page",
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
    "no_https": "{host} does not speak https. If this is a Canvas on your own machine, begin the address with http://.",
    "no_server": "There is no server named {host}.",
    "not_readable": "{host} sent an answer that could not be read.",
    "not_reached": "{host} could not be reached.",
    "private_network": "{name} is inside a private network.",
    "busy": "Canvas is busy. Try again in a moment.",
    "our_side": "That failed on our side; the details are in the worker's process log. We try again.",
    "our_side_once": "That failed on our side; the details are in the worker's process log.",
    "unforeseen": "{name}",
    "another_user": "Canvas named a different user each time that we asked.",
    "hidden_row": "Canvas lists the enrollment, but says that it does not exist.",
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
    "token_typed_for": "Paste the token again: you pasted it for {address}, and a token is sent nowhere else. If you "
    "have no copy of it, make a new one in Canvas.",
    "token_kept_with_address": "Paste the token again: it is only kept together with a valid address.",
    "look_at_address": "{answer} Look for a typing error in the address. If the address is right, Canvas is not "
    "answering at the moment.",
    "look_at_certificate": "{answer} Look for a typing error in the address, since a certificate is made for one "
    "name. If the address is right, ask the people who run your Canvas; if your certificate authority is your own, "
    "ask your operator.",
    "token_unreadable": "The saved token can't be read any more. Paste it again.",
    "token_not_accepted": "Canvas does not accept this token. Copy it again, or make a new one in Canvas.",
    "no_administrator": "Canvas knows this token, but its owner is not an administrator of the root account. Make the "
    "token while signed in as one.",
    "approval_over": "Canvas does not accept this approval any more. Approve it again.",
    "approver_no_administrator": "The person who approved the key is not an administrator of the root account. Sign in "
    "to Canvas as one, and approve it again.",
    "approval_unknown": "This approval was not begun here, or it was used already. Choose Approve in Canvas again.",
    "approval_unanswered": "Canvas did not answer: {answer} Choose Approve in Canvas again.",
    "approval_refused": "Canvas says: {words}. Make sure that the key is as described below, and approve it again.",
    "approval_access_denied": "It was refused in Canvas. Choose Approve in Canvas again, and then Authorize there.",
    "approval_unauthorized_client": "It is off in Canvas. Under Developer Keys, switch it ON, and approve it again.",
    "approval_invalid_scope": "It lacks scopes in Canvas. Open it under Developer Keys, tick every scope of the list "
    "below and choose Save. Then approve it again.",
    "approval_invalid_client": "Canvas does not know this client ID. Copy it from the column Details under Developer "
    "Keys, and choose Save.",
    "approval_invalid_client_secret": "Canvas does not accept the client secret. Choose Show Key in Canvas, copy all "
    "of it, paste it and choose Save.",
    "approval_invalid_grant": "The approval took too long, was used already, or is of another key. Choose Approve in "
    "Canvas again.",
    "approval_invalid_request": "Canvas does not take the approval: {words}. Make sure that the redirect address below "
    "is in the key, letter for letter, and approve it again.",
    "approval_signed_out": "Canvas wanted you to sign in first. Sign in to Canvas, and approve it again.",
    "approval_client_not_allowed_for_user": "Canvas does not let this person approve keys. Sign in to Canvas as an "
    "administrator, and approve it again.",
    "key_not_approved": "Its approval was revoked in Canvas.",
    "key_unknown": "Canvas does not know its client ID any more.",
    "key_secret_changed": "Canvas does not accept its client secret any more: choose Show Key in Canvas, paste the "
    "secret into Course Settings and choose Save.",
    "scopes_missing": "The developer key lacks these scopes: {scopes}. In Canvas, open the key, tick them and choose "
    "Save. Then approve it again.",
    "no_service": "This does not look like a Canvas web service URL. {answer}",
    "sub_account": "{account} ({root_id}) is a sub-account. The root account is {name}, ID {right_id}.",
    "sub_account_only": "{account} ({root_id}) is a sub-account. The root account is the topmost one in Canvas's Admin "
    "menu.",
    "no_account": "Canvas has no account {root_id} for this token. The root account is {name}, ID {right_id}.",
    "import_stuck": "Canvas did not carry the import out within two hours, so it was aborted.",
    "import_lost": "The import did not arrive at Canvas.",
    "import_few": "Too few of the people could go into the file: it takes only people and Canvas courses that have "
    "SIS IDs.",
    "import_unsure": "We can't say for certain who is new in Canvas: Canvas has too many users, or does not show all "
    "their names.",
    "import_undone": "Canvas did not carry out {seats} lines of the import.",
    "proof_course": "{course} is there.",
    "proof_concluded": "{course} is concluded, and nobody can be enrolled in a concluded course. Choose another one.",
    "proof_may": "The token's owner may add and remove students.",
    "proof_may_not": "The token's owner lacks a permission there: {permissions}. Give it to their role in Canvas.",
    "proof_found": "A search finds {name}.",
    "proof_not_found": "A search does not find {name}, so it may not find participants either. Make sure that the "
    "token's owner may see the list of users and their logins.",
    "proof_no_test_user": "Canvas has no user with the login ID or SIS ID {name}, or more than one. Check how it is "
    "written there.",
    "proof_free": "{name} is not in it.",
    "proof_in_already": "{name} has an enrollment there already ({role}, {state}), which the proof could change. "
    "Choose a course that they have nothing to do with.",
    "proof_participant": "{name} is a participant here too, and the proof could change their Canvas access. Name a "
    "test user who is not a participant.",
    "proof_enrolled": "Enrollment {id} is {state}.",
    "proof_read": "Enrollment {id} is {state}.",
    "proof_removed": "Enrollment {id} is {state}.",
    "proof_gone": "Enrollment {id} is {state}.",
    "proof_cleaned": "Nothing of the proof is left in the course.",
    "no_account_only": "Canvas has no account {root_id} for this token. The root account is the topmost one in "
    "Canvas's Admin menu.",
    # Something is missing from a Canvas course's results.
    "results_no_modules": "The Canvas course has no modules with requirements, so nobody can complete it. Add "
    "requirements to its modules, or fetch the score only.",
    "results_progress_refused": "The token's owner may not see how far people are. Give their role in Canvas “Grades - "
    "view all grades”.",
    "results_scores_refused": "The token's owner may not see scores. Give their role in Canvas “Grades - view all "
    "grades”.",
    "results_people_gone": "Somebody registered here is no longer in the Canvas course. What Canvas said about them "
    "before is kept.",
    "results_course_gone": "The Canvas course is not there any more. What Canvas said before is kept.",
    # What the activity log adds to an act.
    "moved_from": "From {course} ({course_code}).",
    "set": "{of}: {after}",
    "given": "{of}: none → {after}",
    "changed": "{of}: {before} → {after}",
    "unset": "{of}: {before} → none",
    "changes": "{changes}",
    "changes_by_import": "{changes} (by import)",
    "of_name": "name",
    "of_email": "email",
    "of_sis_user_id": "SIS ID",
    "of_code": "code",
    "of_title": "title",
    "of_description": "description",
    "of_starts_at": "starts",
    "of_ends_at": "ends",
    "of_registration_opens_at": "registration opens",
    "of_registration_closes_at": "registration closes",
    "of_capacity": "places",
    "of_on_withdrawal": "when somebody withdraws",
    "of_association": "Canvas course",
    "of_create_users": "people without a Canvas user",
    "of_by_invitation": "enroll",
    "of_canvas_mail": "Canvas's own mail",
    "of_way_in": "people new to Canvas",
    "of_mass_by_sis": "many people at once",
    "create_users": "created",
    "create_users_off": "wait",
    "by_invitation": "by invitation",
    "by_invitation_off": "at once",
    "canvas_mail": "sent",
    "canvas_mail_off": "not sent",
    "mass_by_sis": "by SIS import",
    "mass_by_sis_off": "one by one",
    "way_our_mail": "a link from us",
    "way_canvas_mail": "a link from Canvas",
    "way_sso": "single sign-on",
    "way_sso_bound": "single sign-on number {number}",
    "by_import": "by import",
    "import": "{file}: {done}",
    "import_of": "{name}, {file}: {done}",
    "import_done": "{made} new, {changed} changed, {unchanged} unchanged, {refused} refused",
    "file_courses": "courses",
    "file_participants": "participants",
    "file_registrations": "registrations",
    "connected": "{account}, {url}, as {owner}",
    "key": "{account}, {url}",
    "for_somebody": "For {name}.",
    "for_people": "For {people} people.",
    "for_one": "For 1 person.",
    "access_export": "Canvas access.",
    "access_export_of": "Canvas access. {limits}",
    "limit": "{name}: {value}",
    "undid_registered": "The registration.",
    "undid_waiting": "The place on the waitlist.",
    "undid_withdrawal": "The withdrawal.",
    "undid_leaving": "Taking them off the waitlist.",
    "undid_move": "The move.",
    "undid_correction": "The correction.",
    "all_withdrawn": "{registered} registered and {waiting} on the waitlist were withdrawn.",
    "all_put_back": "{registered} registered and {waiting} on the waitlist were put back.",
    "course_cancelled": "The course was cancelled.",
    "course_cancelled_untold": "The course was cancelled. They are not mailed about it.",
    "course_reopened": "The course was reopened.",
    "access_ends_first": "Canvas access ends first.",
    "enrollments_stay": "Enrollments in Canvas stay.",
    "not_this_sis_id": "SIS ID: not {sis_user_id}",
    "was_there": "Canvas course {course}: the enrollment that was there before us",
    "was_there_of": "Canvas course {course}: the enrollment of {user}, login {login}, that was there before us",
    "by_hand": "Canvas course {course}: {state} by hand",
    "canvas_user": "Canvas user {user}",
    "is_canvas_user": "is Canvas user {user}",
    "is_not_canvas_user": "is not Canvas user {user}",
    "is_somebody_else": "is somebody else",
    "is_new": "is none of them; a new Canvas user with the login {login}",
    "one_person": "and participant {participant} are one person",
    "canvas_follows": "The Canvas user is now {name}, {email}.",
    "there": "Canvas course {course}.",
    "there_because": "Canvas course {course}. {why}",
    "there_waits": "Canvas course {course} ({cause}).",
    "there_waits_because": "Canvas course {course} ({cause}). {why}",
    "there_ended": "Canvas course {course}. {how}.",
    "ended_delete": "Deleted",
    "ended_deactivate": "Deactivated",
    "ended_conclude": "Concluded",
    "ended_since": "{how}, because {why}",
    "since_also_there": "another enrollment stays",
    "since_nothing_done": "nothing was done there yet",
    "since_work_done": "they were active there",
    "since_course_over": "they were active there and the course is over",
    "since_course_gone": "the course is gone",
    "since_not_theirs": "it belonged to another Canvas user",
    "whose": "The sign-in of {email}.",
    "sign_in_given": "The participant whom the office entered with this email now has this sign-in.",
    "participant_made": "A new participant was made. Others with this email: {others}; none was taken over.",
    "no_mail_to_old": "Mails are not set up, so no mail about the change went to the old address.",
    "link_for_sign_up": "To confirm the sign-up of {email}.",
    "link_for_password": "For a new password of {email}.",
}
"""Codes, and what they say in English. `words` is for a text that somebody else, or an older release, has worded.

A list among the parameters is shown with semicolons between its parts.
"""


class Said(str):
    """A sentence that knows its code and parameters. To a page it is a text like any other."""

    code: str
    about: dict[str, Any]

    def __new__(cls, code: str, **about: Any) -> "Said":
        shown = {name: "; ".join(one) if isinstance(one, list) else one for name, one in about.items()}
        made = super().__new__(cls, t(SENTENCES[code], **shown))
        made.code, made.about = code, about
        return made

    @classmethod
    def of(cls, text: str) -> "Said":
        """The text as it is, or as the words of somebody else."""
        return text if isinstance(text, cls) else cls("words", words=text)

    def again(self) -> "Said":
        """The same sentence in the present language, even if it was made in another one."""
        return self._from_dict(self._as_dict())

    def to_json(self) -> str:
        """The code and its parameters as one text, for a column."""
        return json.dumps(self._as_dict(), ensure_ascii=False)

    def _as_dict(self) -> dict[str, Any]:
        return {"code": self.code, **{name: _stored(one) for name, one in self.about.items()}}

    @classmethod
    def _from_dict(cls, stored: dict[str, Any]) -> "Said":
        about = {name: _read(one) for name, one in stored.items()}
        return cls(about.pop("code"), **about)

    @classmethod
    def from_json(cls, stored: str) -> "Said":
        """What `to_json` made. What an older release stored is not JSON, and stays as it was worded."""
        try:
            return cls._from_dict(json.loads(stored))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls("words", words=stored)


def _stored(value: Any) -> Any:
    if isinstance(value, list):
        return [_stored(one) for one in value]
    return value._as_dict() if isinstance(value, Said) else value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(one) for one in value]
    return Said._from_dict(value) if isinstance(value, dict) else value


def change_of(name: str, before: Any, after: Any) -> Said:
    """A change of what `name` stands for, a code without `of_`. `before` or `after` is empty if there is nothing."""
    of = Said(f"of_{name}")
    if not before:
        return Said("given", of=of, after=after)
    return Said("changed", of=of, before=before, after=after) if after else Said("unset", of=of, before=before)


def codes_saying(text: str) -> list[str]:
    """The codes whose own words contain this text, whatever its case."""
    words = {code: re.sub(r"{\w+}", "", sentence).lower() for code, sentence in SENTENCES.items()}
    return [code for code, its in words.items() if text.lower() in its]
