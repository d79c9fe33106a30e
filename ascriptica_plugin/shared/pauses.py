"""Every pause, back-off, limit of time and number of tries, in one table. Only how often somebody may try to sign in
has a table of its own, `standalone.accounts.tries`, beside what is counted.

Read them as `pauses.NAME`, so that a test can change one for everybody.
"""

import random
from datetime import timedelta

stretch = random.SystemRandom().uniform
"""Stretches a pause by a random factor, so that not everything that waits for the same thing returns at once."""

# -- people ------------------------------------------------------------------------------------------------------------

WITHDRAWAL_UNDONE = timedelta(minutes=10)
"""How long people may undo their own withdrawal."""

SQLITE_SECONDS = 30
"""How long a change waits for SQLite, which lets one write at a time, on the stand-alone site."""

LEFTOVERS = timedelta(days=1)
"""How far back the activity log is searched for what was written about people after they were erased."""

OPEN_AGAIN_SECONDS = 30
"""How soon a page may be requested again if the database was down, full or too busy."""

# -- previews and imports ---------------------------------------------------------------------------------------------

PREVIEW_FRESH = timedelta(minutes=5)
"""How long a read of a Canvas course counts; after that, the course is read again before anything is done."""

PREVIEW_KEPT = timedelta(hours=1)
"""How long a preview is kept that nobody confirms."""

IMPORT_AT_ONCE_SECONDS = 2
"""How long a request works on a file. Most are done by then; the worker continues with longer ones."""

IMPORT_TAKEN = timedelta(seconds=30)
"""A batch takes about a second; a process that took an import and writes nothing for this long is gone."""

IMPORT_KEPT, IMPORT_WAITS = timedelta(days=7), timedelta(hours=1)
"""How long a report is kept; and a file whose columns nobody confirms, that was only tried out, or has refused rows."""

# -- one seat ---------------------------------------------------------------------------------------------------------

TRIES = 8
"""After this many counted attempts, which take about twenty minutes, a seat that Canvas refuses is parked."""

FIRST_BACK_OFF, LONGEST_BACK_OFF = timedelta(seconds=5), timedelta(minutes=15)
"""The pause after a failed attempt doubles from the first to the longest."""


def back_off(attempts: int) -> timedelta:
    """The pause after a failed attempt, if `attempts` failed before it."""
    return min(FIRST_BACK_OFF * 2 ** min(attempts, 10), LONGEST_BACK_OFF) * stretch(0.8, 1.2)


PUT_OFF = timedelta(seconds=2)
"""The pause of a seat whose person has another call under way."""

LATE = timedelta(minutes=2)
"""How long after sending a request Canvas may still carry it out; we wait half a minute at most for the answer."""

ANSWERED = timedelta(seconds=10)
"""Most requests are answered within this time; after that, pages say that we wait for an answer."""

CLOCK_TOLERANCE = timedelta(seconds=2)
"""Canvas's times and its Date header have whole seconds, so an enrollment of ours may seem this much too old."""

SEEN_LATELY = timedelta(minutes=1)
"""How long we rely on what we saw of an enrollment that somebody else made; after that, we ask again."""

CANARY = timedelta(minutes=15)
"""How often one of the seats that are held for the same cause, the canary, tries again."""

# -- many people at once -----------------------------------------------------------------------------------------------

MASS_FRESH = timedelta(minutes=10)
"""Before an import, the read of a Canvas course's people may be this old."""

MASS_BLOCKS = timedelta(minutes=10)
"""How long the people of an import wait for Canvas; renewed while it works."""

MASS_FIRST_LOOKS = (0.3, 0.7, 1.0)
"""The pauses, in seconds, before the first looks at how far an import is, right after it was sent."""

MASS_STUCK = timedelta(hours=2)
"""An import that Canvas has not carried out by then is aborted."""

MASS_AGAIN = timedelta(hours=1)
"""How long everybody is handled one by one after an import was given up."""


def mass_poll(age: timedelta) -> timedelta:
    """The pause before Canvas is asked again how far an import of this age is."""
    return min(max(age / 4, timedelta(seconds=1)), timedelta(seconds=30))


# -- one Canvas -------------------------------------------------------------------------------------------------------

CALL_STEP_SECONDS, CALL_SECONDS = 10, 30
"""How long a call waits for a connection and for each piece of an answer, and how long it takes in all."""

SILENT_SECONDS = 1
"""Calls that have waited this long for an answer keep a quarter of the flight at most."""

HEADERS_SECONDS = 1
"""How long the flight relies on what an answer of Canvas says about Canvas's bucket."""


def throttle_seconds(missing: float) -> float:
    """The pause after Canvas throttled a call: until `missing` fits into its bucket, from which 10 leak out per second
    [request_throttle.rb]."""
    return min(max(1.0, missing / 10), 60.0)


GROW_SECONDS = 5
"""After Canvas asked us to slow down, one more call is allowed in flight this often."""

LONGEST_HOLD = timedelta(minutes=1)
"""A Canvas that does not answer is asked again at least this often."""


def hold_pause(cause: str, tries: int) -> timedelta:
    """The pause before a Canvas that is on hold is asked again, after this many failed tries.

    A refused token works again only after somebody has acted, so it is tried no more often than a canary.
    """
    longest = LONGEST_HOLD if cause in ("canvas_down", "takes_no_changes", "address_refused") else CANARY
    return min(FIRST_BACK_OFF * 2 ** min(tries, 10), longest) * stretch(0.8, 1.2)


FAILED_CHANGES = 5
"""If Canvas fails at this many changes of different people in a row, it counts as taking no changes; if all of them
were in one Canvas course, only that course does."""

COURSE_PAUSE = timedelta(minutes=1)
"""A Canvas course that takes no changes is tried again this often, by one of its people."""

REFRESH_SECONDS, REFRESH_AGAIN_SECONDS = 5, 0.05
"""How long a call for a new access token may take, which is less than a worker may be silent; and how often a process
checks whether another one's call has ended."""

REFRESHING = timedelta(seconds=8)
"""How long one process holds the lock on refreshing a developer key."""

REFRESH_EARLY = timedelta(minutes=5)
"""An access token is replaced this long before its end, or in the last fifth of its life if that is shorter."""

KEY_SECONDS = 1
"""How often a drain checks whether the key was replaced."""

ASK_FOR_END = timedelta(days=1)
"""How often Canvas is asked when the pasted token ends."""

LOOK_UP_AGAIN = timedelta(minutes=15)
"""The pause before a Canvas course that was not found, or takes nobody, is looked up again."""

LOOK_AGAIN = timedelta(minutes=1)
"""The pause before we look again at a person, or at what became of a request, if Canvas failed at that. It is short,
because nothing else about the person is sent until then."""

LOOK_UP_FRESH = timedelta(days=1)
"""What we know of a Canvas course is looked up again when it is this old."""

READ_FRESH = timedelta(days=1)
"""The enrollments of a Canvas course in use are read again when what we know is this old."""

BEFORE_START = timedelta(days=2)
"""This long before a course starts, its Canvas course is read once more, even if it was read just before."""

GRADING = timedelta(days=14)
"""How long after a course's end its results are still fetched every day, because teachers are grading."""

FIRST_READ = timedelta(seconds=10)
"""How long enrolling waits for the first read of a Canvas course."""

RECHECK_SECONDS = 600
"""`flask ascriptica recheck` and `fetch-results` end if nothing was read for this long."""

LONG_OUTAGE = timedelta(hours=1)
"""After an outage longer than this, every Canvas course in use is read again."""

FOLLOW_AGAIN = timedelta(minutes=15)
"""The pause before we try again to update the name or email of a Canvas user."""

PAGE_SECONDS = 2.5
"""How long a page waits for Canvas in all, so that it is there within three seconds."""

PLACE_SECONDS, PLACE_AGAIN_SECONDS = 1, 0.05
"""How long a page waits for one of the places to call Canvas from, and how often it looks."""

PAGE_CALL = timedelta(seconds=10)
"""A place that a page never gave back is free again after this long."""

CHECK_AGAIN = timedelta(seconds=15)
"""A connection that could not be checked when it was saved is checked again this often."""

# -- the worker -------------------------------------------------------------------------------------------------------

LEASE = timedelta(seconds=10)
"""A worker that is silent keeps the drain for this long."""

LOOK_SECONDS = 0.5
"""How often a drain does what can be done while Canvas works, even if answers keep coming; and how often it looks again
for small tasks after it found none."""

SELDOM = 50
"""A look that is slow is made less often, so that it takes at most a fiftieth of the time."""

NEWCOMERS_SECONDS = 0.1
"""How often a drain looks for people who have just registered or withdrawn."""

LINE_SECONDS = 1
"""How often a drain reads again who is next, because the order changes."""

COMMIT = timedelta(seconds=10)
"""A change may be committed this long after it was made, so newcomers are read from this long before the last read."""

ASIDE_SECONDS = 0.25
"""How long a drain leaves a seat alone that somebody has locked, or whose course is being read."""

RENEW_SECONDS = 3
"""How often a worker that drains renews its lease."""

GATHER_SECONDS = 0.01
"""An answer waits this long for others, so that one unit of work can store them all."""

TOGETHER_SECONDS = 0.15
"""As long as other calls are ready to leave in its place, an answer waits this long for others."""

TURN_SECONDS, LATE_TURN_SECONDS = 1.0, 0.1
"""How long a drain waits for answers or a throttling Canvas before it looks at the rest again, and how long at least
before it tries again to store an answer."""

LOCKED_SECONDS, LOCK_SECONDS = 5, 1
"""How long a drain waits in all for a locked row that it needs to store Canvas's answer, and how long one transaction
waits for it."""

SHUTDOWN_SECONDS = 7
"""How long a drain that was asked to stop waits for its calls."""

PAUSE_SECONDS = 3
"""How often the worker looks for work, whether or not the bell rang."""

ALIVE = timedelta(minutes=1)
"""A worker that was silent for longer counts as dead."""

WORKER_KEPT = timedelta(hours=1)
"""How long it is kept when a worker was last seen that has ended without saying so."""

STANDS_STILL = timedelta(minutes=1)
"""Something may wait this long for a worker to begin it, before pages and `status` report that none does."""

THROTTLED = timedelta(minutes=2)
"""How long we report that Canvas asked us to slow down. It asks for a minute and a half at most."""

DONE_SECONDS = 0.5
"""How often `recheck` and `fetch-results` check whether everything is done."""

RING_SECONDS = 0.25
"""How long the bell waits for Redis, once."""

FAILED_JOB_SECONDS = 24 * 3600
"""How long Redis keeps a job that failed, for an operator to look at."""

FLAG_SECONDS = 10
"""After this long, a bell that no worker has heard can be rung again."""

COUNT_SECONDS = 5
"""How often a worker stores what it has counted."""

STANDBY_SECONDS = 0.5
"""How often a worker looks while another one drains, so that it takes over within a second after that one has ended."""

AGAIN_SECONDS = 3
"""The pause before Redis is tried again after it was away."""

JOB_SECONDS, CONNECT_SECONDS = 1, 5
"""How long the worker waits for a job before it checks whether it has to stop, and how long at most to reach Redis."""

COMPARE_SECONDS = 600
"""How often the names of people are compared with those of their Canvas users."""

FORGET_SECONDS = 3600
"""How often old entries are deleted."""

END_SECONDS = 9
"""How long a worker that was asked to stop waits for its drain, which takes a little less to give its lease back."""

# -- mails ------------------------------------------------------------------------------------------------------------

FIRST_MAIL_PAUSE, LONGEST_MAIL_PAUSE = timedelta(seconds=30), timedelta(hours=1)
"""The pause after a mail could not be sent doubles from the first to the longest."""

MAIL_GIVEN_UP = timedelta(hours=24)

MAIL_SECONDS = 10
"""How long the mail server may take for each step."""

AWAY = timedelta(hours=1)
"""How long Canvas has to be away before administrators are mailed."""

BEFORE_A_START = timedelta(hours=48)
"""How long before a course starts administrators are mailed that its people can't enter its Canvas course: teachers
often publish late, and dates may still change."""

TOKEN_ENDS_DAYS = (14, 7, 2)
"""How many days before a pasted token ends a warning begins; a mail is sent at each."""

BETWEEN_DIGESTS = timedelta(hours=1)
"""The shortest time between two mails to administrators about what waits."""

# -- what an operator is warned about ---------------------------------------------------------------------------------

MAILS_WAIT = timedelta(minutes=10)
"""How long mails may wait before `flask ascriptica check` reports it."""

CLOCKS_APART = timedelta(seconds=5)
"""How far this machine's clock may be from the database's or Canvas's before `flask ascriptica check` reports it."""

# -- upgrading the tables beside processes at work --------------------------------------------------------------------

UPGRADE_TRIES, UPGRADE_LOCK_SECONDS, UPGRADE_PAUSE_SECONDS = 60, 2, 0.5
"""How often a revision is tried, how long it waits for a lock each time, and the pause before it is tried again."""

# -- sign-ins of the stand-alone site ---------------------------------------------------------------------------------

SESSION_LASTS, SESSION_IDLE = timedelta(hours=12), timedelta(hours=2)
"""A browser is signed out after the first, and after the second without a request."""

FIRST_STEP_LASTS = timedelta(minutes=5)
"""How long after the password the code of the second step may be entered."""

CONFIRMATION_LASTS = timedelta(minutes=10)
"""How long somebody may change the sign-ins of others after giving the password."""

SECOND_STEP_SET_UP = timedelta(minutes=10)
"""How long the secret of a new second step is offered."""

BROWSER_KNOWN = timedelta(days=180)
"""How long an account remembers a browser on which it was signed in."""

LINK_LASTS, MAILED_PASSWORD_LINK_LASTS = timedelta(hours=24), timedelta(hours=1)
"""How long a one-time link works; one for a new password that was mailed works for less."""

SIGN_UP_KEPT = timedelta(days=7)
"""How long a sign-up is kept that nobody confirms."""

# -- everything on one machine ----------------------------------------------------------------------------------------

START_SECONDS, PRACTICE_SECONDS, HEALTH_SECONDS = 60, 10, 1
"""How long `python wsgi.py` waits for its pages to answer, then for the practice Canvas, and for each try."""

LEFTOVER_SECONDS, PORT_SECONDS = 2, 2
"""How long it waits for a queue's server that an earlier run left behind, and for a port that it still has."""

CHILD_END_SECONDS = 5
"""How long a process may take to end before it is killed."""

CHILD_STEADY_SECONDS, CHILD_LONGEST_PAUSE_SECONDS = 10, 30
"""A process that lived this long is restarted at once; one that keeps dying after a pause that grows up to this."""

CHILD_LOOK_SECONDS = 0.05
"""How often we check whether a process has died."""
