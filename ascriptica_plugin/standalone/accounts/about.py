"""What the office's pages and a person's export show about sign-ins; the plugin uses it as `sign_ins`."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...office.personal_data import iso, plain
from ...shared import clock
from ...tables.office import Participant
from . import accounts, forgetting, sessions, sign_ups
from .tables import AccountSession, SignUp


class SignIns:
    """See `extension.SignIns`."""

    def waiting(self, session: Session, words: str = "", email: str | None = None) -> list[SignUp]:
        """The sign-ups that are not confirmed yet: those with all of the words, or with this email."""
        return sign_ups.waiting(session, words, email)

    def shown_with(self, session: Session, participant: Participant) -> dict[str, Any]:
        """What a participant's page shows of their sign-in, as variables of the template."""
        account = accounts.account_of(session, participant.key)
        if account is None:
            return {"account": None}
        return {"account": account, "sessions": len(sessions.sessions_of(session, account.id, clock.utc_now()))}

    def forget(self, session: Session, emails: set[str]) -> None:
        """Delete sign-ups and waiting mails with these emails, except emails that an account has."""
        forgetting.forget_emails(session, emails)

    def held_on(self, session: Session, participant: Participant) -> dict[str, Any] | None:
        """What we hold about somebody's sign-in, for the export of their data; None if they have no sign-in."""
        account = accounts.account_of(session, participant.key)
        if account is None:
            return None
        theirs = select(AccountSession.made_at, AccountSession.browser).where(AccountSession.account_id == account.id)
        return {
            "email": account.email,
            "name": account.name,
            "administrator": account.is_admin,
            "second_step_since": iso(account.second_step.made_at) if account.second_step else None,
            "sessions": [plain(row) for row in session.execute(theirs.order_by(AccountSession.made_at))],
        }
