"""What the process says of itself: one line an event, for people or as JSON, on stderr.

Both structlog's and the standard library's loggers (kopf's, SQLAlchemy's) end here. Tracebacks
show no local variables, and the password of whatever looks like an address is masked: adapters
already keep secrets out of their messages, this is the second lock.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

# To the last @ of the word: a password that nobody encoded may hold anything but blanks.
_PASSWORD = re.compile(r"(://[^\s:/@]*:)\S+(@)")
_CHATTY = ("kopf", "aiohttp", "sqlalchemy", "urllib3", "mlflow", "asyncio")


def set_up(level: str, *, as_json: bool) -> None:
    """Set up logging for the whole process; `level` is a standard level's name."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(shared, as_json=as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def mask(_: Any, __: str, event: EventDict) -> EventDict:
    """No password of an address, wherever it stands."""
    return {
        key: _PASSWORD.sub(r"\1***\2", value) if isinstance(value, str) else value
        for key, value in event.items()
    }


def _formatter(shared: list[Processor], *, as_json: bool) -> logging.Formatter:
    plain = structlog.dev.plain_traceback
    last: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=plain, pad_event_to=0
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask,
            last,
        ],
    )
