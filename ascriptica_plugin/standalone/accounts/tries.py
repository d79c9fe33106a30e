"""How often what may be tried at the doors: every allowance of sign-ins, with the reason for its numbers.

One person's tries use up what is theirs: the account as seen from their address, their browser, their session. What
many share has large numbers, and each way in has its own, so that there is always one that a stranger can't close.
"""

from ...allowances import Allowance

WRONG_PASSWORDS = Allowance("wrong passwords for an account", 10, 600)
"""From one address, on one known browser, in one session, or at one link; the account's others have their own. Whoever
tries the passwords that they may have chosen needs fewer."""

WRONG_FROM_EVERYWHERE = Allowance("wrong passwords for an account from everywhere", 100, 600)
"""By all browsers that the account doesn't know: as many as NIST SP 800-63B allows, and 144 a day."""

WRONG_FROM_ADDRESS = Allowance("wrong passwords from an address", 300, 2)
"""By browsers that no account knows: a school has one address, and hardly more mistypes at once. One each two seconds
is a tenth of a machine's time, which is what guessing at accounts that aren't there costs us."""

SESSIONS = Allowance("sessions of an account", 20, 600)
"""The right password is hashed, too, and each session is a row: as many browsers as nobody has, and 144 a day. Of an
account with a second step, each known browser has as many."""

WRONG_CODES = Allowance("wrong codes for an account", 10, 600)
"""Of a million codes three are right at a time, so whoever knows the password needs years."""

SIGN_UPS_FROM_ADDRESS = Allowance("sign-ups from an address", 100, 36)
"""Each may send a mail to anybody: a hundred an hour are three classes, and nobody's flood."""

RESETS_FROM_ADDRESS = Allowance("new passwords asked for from an address", 100, 36)
"""As well; apart from sign-ups, since it is the way in when others are closed."""

SIGN_UP_MAILS = Allowance("mails about sign-ups to an email", 3, 3600)
"""A mail is lost or overlooked once, seldom twice. Over it a sign-up is kept all the same, and a link in a mail before
confirms it."""

RESET_MAILS = Allowance("mails for a new password to an email", 3, 3600)
"""As well: a link lasts until the next mail may be sent, so its owner always has one that works."""

EMAIL_MAILS = Allowance("mails about a new email of one's own", 3, 3600)
"""As well, for each address that somebody signed in wants to use."""
