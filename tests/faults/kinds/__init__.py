"""The kinds of fault. Those of Canvas take turns, and those of ours do; one of each may happen at once."""

from .answers import ANSWERS
from .crowds import OF_CANVAS as CROWDS
from .databases import DATABASES
from .hands import HANDS
from .kind import Kinds
from .moves import MOVES
from .people import PEOPLE
from .redis import REDIS
from .sick import SICK
from .state import STATE
from .workers import WORKERS

CANVAS = Kinds(ANSWERS | SICK | STATE | MOVES | HANDS | CROWDS)
OURS = Kinds(REDIS | WORKERS | DATABASES | PEOPLE)
