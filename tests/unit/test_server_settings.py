"""How the servers that we start are set, and whom their database is closed to."""

from __future__ import annotations

import stat

from metaflow_prefect.server_settings import make_database_private


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_home_is_closed_to_other_users(tmp_path):
    make_database_private(tmp_path / "deep" / "home")

    assert mode(tmp_path / "deep" / "home") == 0o700


def test_an_existing_database_is_closed_and_the_users_own_files_stay_as_they_are(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    for name in ("prefect.db", "prefect.db-wal", "profiles.toml"):
        (home / name).touch()
        (home / name).chmod(0o644)

    make_database_private(home)

    assert [mode(home / name) for name in ("prefect.db", "prefect.db-wal")] == [0o600, 0o600]
    assert [mode(path) for path in (home, home / "profiles.toml")] == [0o755, 0o644]


def test_a_database_that_is_a_link_is_closed_where_it_lies(tmp_path):
    (tmp_path / "elsewhere.db").touch()
    (tmp_path / "elsewhere.db").chmod(0o664)
    (tmp_path / "prefect.db").symlink_to(tmp_path / "elsewhere.db")

    make_database_private(tmp_path)

    assert mode(tmp_path / "elsewhere.db") == 0o600
