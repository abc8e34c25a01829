"""Interpreters that have neither Metaflow nor this package find both, as links."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import replace

from metaflow_prefect.runtime.packages.lock import Lock, Target
from metaflow_prefect.runtime.steps import importable_metaflow

LINK = """
import sys
from metaflow_prefect.runtime.steps import importable_metaflow as it
print(it.linked_in(sys.argv[1], it.installed_extension())["PYTHONPATH"])
"""


def python(*words, folder, **variables):
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env={**os.environ, **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_decorator_can_be_imported_where_only_links_to_it_and_to_metaflow_are(tmp_path):
    (tmp_path / "links").mkdir()
    path = python("-c", LINK, str(tmp_path / "links"), folder=tmp_path)
    libraries = sysconfig.get_path("purelib")

    # Without site-packages' own path files, by which an editable install is found.
    found = python(
        "-S", "-c", "import metaflow; from metaflow import northflank; "
        "import metaflow_extensions.prefect_northflank.plugins.northflank_decorator as it; "
        "print(metaflow.__file__); print(it.__file__)",
        folder=tmp_path, PYTHONPATH=os.pathsep.join((path, libraries)),
    ).splitlines()  # fmt: skip

    links = str(tmp_path / "links")
    assert found == [
        f"{links}/metaflow/__init__.py",
        f"{links}/extension/metaflow_extensions/prefect_northflank/plugins/northflank_decorator.py",
    ]


def test_a_lock_that_has_this_package_gets_no_second_one():
    variables = {"PYTHONPATH": os.pathsep.join(("/links", "/links/extension")), "A": "b"}
    without = Lock(target=Target(python="3.12", platform="here"), requirements="tiny==1\n")
    with_it = replace(without, requirements="metaflow-prefect-northflank==0.1\n")

    given = importable_metaflow.without_second_extension
    assert given(variables, without) == variables
    assert given(variables, with_it) == {"PYTHONPATH": "/links", "A": "b"}
