"""The permissions of the API, and those that each role of a token has.

Source of the names: `required_permissions` of the vendor's Python SDK 2.1.0.
"""

from __future__ import annotations

from enum import Enum


class Permission(str, Enum):
    """A permission, by the vendor's name."""

    PROJECT_READ = "Project > Projects > Manage > Read"
    PROJECT_CREATE = "Project > Projects > Manage > Create"
    PROJECT_DELETE = "Project > Projects > Manage > Delete"
    JOB_CREATE = "Project > Jobs > General > Create"
    JOB_READ = "Project > Jobs > General > Read"
    JOB_UPDATE = "Project > Jobs > General > Update"
    JOB_DELETE = "Project > Jobs > General > Delete"
    JOB_RUN = "Project > Jobs > General > Run Job"
    JOB_OBSERVE = "Project > Jobs > Deployment > View Observability"
    JOB_LOGS = "Project > Jobs > Deployment > View Instance Logs"
    SERVICE_CREATE = "Project > Services > General > Create"
    SERVICE_READ = "Project > Services > General > Read"
    SERVICE_UPDATE = "Project > Services > General > Update"
    SERVICE_DELETE = "Project > Services > General > Delete"
    JOB_SECRETS_READ = "Project > Secrets > Jobs > Read"
    JOB_SECRETS_UPDATE = "Project > Secrets > Jobs > Update"
    SECRET_CREATE = "Project > Secrets > SecretGroups > Create"  # noqa: S105  a permission's name
    SECRET_LIST = "Project > Secrets > SecretGroups > List"  # noqa: S105  a permission's name
    SECRET_READ = "Project > Secrets > SecretGroups > Read"  # noqa: S105  a permission's name
    SECRET_UPDATE = "Project > Secrets > SecretGroups > Update"  # noqa: S105  a permission's name
    SECRET_DELETE = "Project > Secrets > SecretGroups > Delete"  # noqa: S105  a permission's name
    TAG_READ = "Account > Platform > Tags > Read"
    TAG_CREATE = "Account > Platform > Tags > Create"
    TAG_UPDATE = "Account > Platform > Tags > Update"
    TAG_DELETE = "Account > Platform > Tags > Delete"
    REGISTRY_READ = "Account > Cloud > Registries > Read"
    REGISTRY_CREATE = "Account > Cloud > Registries > Create"
    REGISTRY_UPDATE = "Account > Cloud > Registries > Update"
    REGISTRY_DELETE = "Account > Cloud > Registries > Delete"
    NOTIFICATION_READ = "Account > Observability > Notifications > Read"
    NOTIFICATION_CREATE = "Account > Observability > Notifications > Create"
    NOTIFICATION_UPDATE = "Account > Observability > Notifications > Update"
    NOTIFICATION_DELETE = "Account > Observability > Notifications > Delete"


class Role(str, Enum):
    """The role of a token."""

    ADMIN = "admin"
    WORKER = "worker"
    READ_ONLY = "read-only"

    @property
    def permissions(self) -> frozenset[Permission]:
        """The permissions of this role."""
        return _PERMISSIONS[self]


_WORKER = frozenset(
    {
        Permission.PROJECT_READ,
        Permission.JOB_CREATE,
        Permission.JOB_READ,
        Permission.JOB_UPDATE,
        Permission.JOB_DELETE,
        Permission.JOB_RUN,
        Permission.JOB_OBSERVE,
        Permission.JOB_LOGS,
        Permission.SECRET_CREATE,
        Permission.SECRET_READ,
        Permission.SECRET_UPDATE,
    }
)
"""The least a worker needs, as `prefect_northflank` documents it: jobs, their runs and logs, and secret groups."""
_READ_ONLY = frozenset(
    {
        Permission.PROJECT_READ,
        Permission.JOB_READ,
        Permission.JOB_OBSERVE,
        Permission.JOB_LOGS,
        Permission.SERVICE_READ,
        Permission.TAG_READ,
        Permission.REGISTRY_READ,
        Permission.NOTIFICATION_READ,
    }
)
"""Everything that can be read, except secrets."""
_PERMISSIONS = {
    Role.ADMIN: frozenset(Permission),
    Role.WORKER: _WORKER,
    Role.READ_ONLY: _READ_ONLY,
}
