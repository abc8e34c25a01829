"""The version of this distribution, in one place that needs no installed metadata."""

from __future__ import annotations

VERSION = "0.1.0"
