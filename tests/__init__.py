"""What every test process is told, before anything imports the host."""

import os

os.environ["SECRET_KEY"] = "only for tests"
TEST_DATABASE_URL = os.environ.pop("DATABASE_URL", None)
os.environ.pop("REDIS_URL", None)
