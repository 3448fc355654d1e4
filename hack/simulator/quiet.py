"""The operators' log is not what is looked at here: the outside is."""

import logging

import structlog


def keep_quiet() -> None:
    """No log of any operator in this process."""
    logging.disable(logging.CRITICAL)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
