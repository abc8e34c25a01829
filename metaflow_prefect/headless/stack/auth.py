"""The auth string of this stack: given, generated or waived."""

from __future__ import annotations

from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.files.secret_files import get_or_create_secret, read_secret
from metaflow_prefect.headless.files.stack_record import StackRecord
from metaflow_prefect.headless.services.process_environment import Access
from metaflow_prefect.headless.settings.database_address import DatabaseKind
from metaflow_prefect.headless.settings.model import Server, Settings

USER = "prefect:"


def needs_auth_string(server: Server) -> bool:
    """Return whether an auth string must be generated: others can reach the server and none was given."""
    return (
        server.auth_string is None and not server.is_loopback and not server.allow_unauthenticated
    )


def provide(settings: Settings, layout: Layout) -> tuple[str | None, str | None]:
    """Return the auth string to start the server with, generated if needed, and what to tell the user."""
    server = settings.server
    if server.auth_string is not None or server.is_loopback:
        return server.auth_string, None
    if not needs_auth_string(server):
        return None, (
            f"ANYONE who can reach {server.host}:{server.port} can use this server and run code on "
            "its workers: PREFECT_ALLOW_UNAUTHENTICATED=1 waives the auth string"
        )
    return get_or_create_secret(layout.auth_string, prefix=USER), (
        f"the server requires the user and password in {layout.auth_string} (generated, since it "
        "can be reached from other machines); clients need it as PREFECT_API_AUTH_STRING"
    )


def of_running(settings: Settings, layout: Layout, record: StackRecord | None) -> Access:
    """Return what a client of the stack needs, as far as this user may know it.

    A generated auth string is used even if the host that required it is no longer set,
    as in another shell.
    """
    auth = settings.server.auth_string
    if auth is None and (needs_auth_string(settings.server) or (record and record.authenticated)):
        auth = read_secret(layout.auth_string)
    managed = record is not None and record.storage_kind == DatabaseKind.MANAGED.value
    generated = managed and settings.storage.postgres.password is None
    emulator_url = record.emulator_url if record is not None else None
    return Access(
        auth_string=auth,
        pass_file=str(layout.postgres_password) if generated else None,
        emulator_url=emulator_url,
        emulator_token=read_secret(layout.emulator_token) if emulator_url else None,
    )
