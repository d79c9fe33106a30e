"""gunicorn's own lines in the shape of the process log.

gunicorn --logger-class ascriptica_plugin.standalone.gunicorn_lines.Logger wsgi:app
"""

from typing import Any

from gunicorn import glogging

from ..shared import config, process_log


class Logger(glogging.Logger):
    """gunicorn's, in the shape that `ASCRIPTICA_LOG` names. The application refuses a shape that there is not."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        shape = config.from_environment(config.PLUGIN).get("ASCRIPTICA_LOG", "text")
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(process_log.formatter(shape))
