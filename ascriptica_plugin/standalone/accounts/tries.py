"""How often each thing about sign-ins may be tried: every allowance, with the reason for its numbers.

One person's tries use up their own allowance: that of the account from their address, of their browser, or of their
session. Allowances that many people share are large. Each way to sign in has its own, so a stranger can't close all.
"""

from ...office.allowances import Allowance

WRONG_PASSWORDS = Allowance("wrong passwords for an account", 10, 600)
"""For each address, known browser, session or link of an account. Somebody who has forgotten which of their passwords
they chose needs fewer."""

WRONG_FROM_EVERYWHERE = Allowance("wrong passwords for an account from everywhere", 100, 600)
"""By all browsers that the account doesn't know: as many as NIST SP 800-63B allows, then 144 a day."""

WRONG_FROM_ADDRESS = Allowance("wrong passwords from an address", 300, 2)
"""By browsers that no account knows: a school has one address, and hardly makes more mistakes at once. One every two
seconds takes a tenth of a machine's time; this limits the cost of guesses at accounts that don't exist."""

SESSIONS = Allowance("sessions of an account", 20, 600)
"""A right password takes time to hash too, and each session is a row. Nobody has more browsers than this; after it, 144
a day. With a second step, each known browser has its own allowance."""

WRONG_CODES = Allowance("wrong codes for an account", 10, 600)
"""At any time, three of a million codes are right, so somebody who knows the password would need years."""

SIGN_UPS_FROM_ADDRESS = Allowance("sign-ups from an address", 100, 36)
"""Each may send a mail to anybody: a hundred an hour are enough for three classes, and too few to flood a mailbox."""

RESETS_FROM_ADDRESS = Allowance("new passwords asked for from an address", 100, 36)
"""The same numbers as for sign-ups, but counted apart: this must still work when other ways are used up."""

SIGN_UP_MAILS = Allowance("mails about sign-ups to an email", 3, 3600)
"""People lose or overlook a mail once, seldom twice. Over the limit the sign-up is still kept, and the link in an
earlier mail confirms it."""

RESET_MAILS = Allowance("mails for a new password to an email", 3, 3600)
"""The same numbers. A link lasts until the next mail may be sent, so its owner always has one that works."""

EMAIL_MAILS = Allowance("mails about a new email of one's own", 3, 3600)
"""For each account, so that nobody keeps another person from an address."""
