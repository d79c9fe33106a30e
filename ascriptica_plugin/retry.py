"""Every pause, back-off and number of tries, in one table. Knows nothing else.

Read them as `retry.NAME`, so that a test can change one for everybody.
"""

import random
from datetime import timedelta

stretch = random.SystemRandom().uniform
"""Stretches a pause by a random factor, so that those who wait for the same thing don't all come back at once."""

# -- one seat ---------------------------------------------------------------------------------------------------------

TRIES = 8
"""Counted attempts, over about twenty minutes, before a seat that Canvas refuses is parked."""

FIRST_BACK_OFF = timedelta(seconds=5)
LONGEST_BACK_OFF = timedelta(minutes=15)
"""The pause after a failed attempt doubles from the first to the longest."""


def back_off(attempts: int) -> timedelta:
    """The pause after one more attempt than these failed."""
    return min(FIRST_BACK_OFF * 2 ** min(attempts, 10), LONGEST_BACK_OFF) * stretch(0.8, 1.2)


PUT_OFF = timedelta(seconds=2)
"""The pause of a seat whose person has another call in hand."""

LATE = timedelta(minutes=2)
"""For how long after it was sent Canvas may still carry out a request; we listen for half a minute at most."""

CANARY = timedelta(minutes=15)
"""How often one of everything that is held for the same cause tries again."""

# -- one Canvas -------------------------------------------------------------------------------------------------------

FLIGHT = 8
"""Calls in flight for one connection. Ten of one token can never be throttled; web look-ups share the other two."""

GROW_SECONDS = 5
"""After Canvas asked us to go slower, one more call in flight this often."""

LONGEST_HOLD = timedelta(minutes=1)
"""How often a Canvas that does not answer is asked at the least."""


def hold_pause(cause: str, tries: int) -> timedelta:
    """The pause before a Canvas that is on hold is asked again, after it was asked in vain so many times before.

    A token that is refused heals only when somebody acts, so it is tried no more often than a canary.
    """
    longest = LONGEST_HOLD if cause in ("canvas_down", "address_refused") else CANARY
    return min(FIRST_BACK_OFF * 2 ** min(tries, 10), longest) * stretch(0.8, 1.2)


LOOK_UP_AGAIN = timedelta(minutes=15)
"""The pause before a Canvas course that was not found, or can't be entered, is looked up again."""

LOOK_UP_FRESH = timedelta(days=1)
"""How old what we know of a Canvas course may get."""

FOLLOW_AGAIN = timedelta(minutes=15)
"""The pause before a Canvas user is given a new name or email once more."""

CHECK_SECONDS = 5
"""How long Course Settings wait for Canvas to check what was typed."""

CHECK_AGAIN = timedelta(seconds=15)
"""How often what could not be checked is checked again."""

# -- the worker -------------------------------------------------------------------------------------------------------

LEASE = timedelta(seconds=10)
"""How long a worker that says nothing keeps the drain."""

RENEW_SECONDS = 3
GATHER_SECONDS = 0.01
"""For how long an answer waits for others, to be written in the same unit of work."""

SHUTDOWN_SECONDS = 7
"""How long a drain that was told to end waits for its calls."""

# -- mails ------------------------------------------------------------------------------------------------------------

FIRST_MAIL_PAUSE = timedelta(seconds=30)
LONGEST_MAIL_PAUSE = timedelta(hours=1)
"""The pause after a mail could not be sent doubles from the first to the longest."""

MAIL_GIVEN_UP = timedelta(hours=24)
