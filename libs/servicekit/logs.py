"""Logs are events with fields: JSON lines, without payloads and without secrets."""

import logging
import sys
from collections.abc import Collection, MutableMapping
from typing import Any

import structlog
from opentelemetry import trace

_HIDDEN = "***"
_SECRET_WORDS = (
    "secret",
    "password",
    "private_key",
    "authorization",
    "token",
    "dsn",
    "database_url",
    "payload",
    "body",
)


def _hide_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for field in event:
        if any(word in field.lower() for word in _SECRET_WORDS):
            event[field] = _HIDDEN
    return event


def _trace_ids(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


class _Redacted:
    """The rendered line without the values that are known to be secret, wherever a library put them."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)

    def __call__(self, _logger: Any, _name: str, rendered: Any) -> str:
        line = str(rendered)
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        return line


def _ours_or_news(record: logging.LogRecord) -> bool:
    # `problems` has logged the exception by then, with its path and trace.
    return not record.getMessage().startswith("Exception in ASGI application")


def configure(service: str, form: str, secrets: Collection[str] = ()) -> None:
    """Log to standard error, in one form for our own events and for libraries' warnings; `secrets` never appear."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
        _hide_secrets,
    ]
    # Tracebacks without local variables: a local may be a key.
    last: list[Any] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(default=str)]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    if form == "json":
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last[0] = structlog.processors.ExceptionRenderer(tracebacks)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _Redacted(secrets)],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("aiokafka", "uvicorn", "httpx", "asyncio", "faststream"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").addFilter(_ours_or_news)
    structlog.contextvars.bind_contextvars(service=service)
