"""The operators' log is not what is looked at here, but for one thing: errors that nobody sorted.

A look that fails by an error outside model.errors is tried again for ever, which from the outside
is only slow; the log has its traceback.
"""

import logging
import traceback

import structlog

_LOGGER = "trainlease"


class Unsorted(logging.Handler):
    """Keeps the tracebacks that the operators log."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0] is not None:
            where = "".join(traceback.format_exception(*record.exc_info)[-2:])
            self.found.append(f"{record.getMessage()} {where}")

    def take(self) -> list[str]:
        """What was kept since the last time."""
        found, self.found = self.found, []
        return found


UNSORTED = Unsorted()


def keep_quiet() -> None:
    """No log of any operator in this process but what `UNSORTED` keeps."""
    logger = logging.getLogger(_LOGGER)
    logger.handlers = [UNSORTED]
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
