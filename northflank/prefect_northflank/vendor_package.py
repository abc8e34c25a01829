"""Refuses to run beside the vendor's own distribution, which has the same import name, worker type and block type."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from prefect_northflank.errors import VendorPackageInstalled

VENDORS_DISTRIBUTION = "prefect-northflank"
"""The vendor's distribution on PyPI."""


def refuse_vendor_package() -> None:
    """Return if this is the only package of its name.

    Raises:
        VendorPackageInstalled: another distribution has the same names.
    """
    try:
        installed = version(VENDORS_DISTRIBUTION)
    except PackageNotFoundError:
        return
    raise VendorPackageInstalled(installed)
