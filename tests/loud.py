"""Runs another module with all loggers at DEBUG, those that our command keeps quiet and SQL with its values included.

python -m tests.loud flask --app wsgi ascriptica worker
"""

import logging
import runpy
import sys

if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
    logging.getLogger("rq.worker").setLevel = lambda level: None
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
