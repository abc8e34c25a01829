"""The type of what the worker logs to: a module's logger, or Prefect's adapter for one flow run's log."""

from __future__ import annotations

import logging
from typing import TypeAlias

LoggerOrAdapter: TypeAlias = "logging.Logger | logging.LoggerAdapter[logging.Logger]"
