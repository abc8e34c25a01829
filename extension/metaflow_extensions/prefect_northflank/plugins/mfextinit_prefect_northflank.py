"""Register the groups `prefect` and `northflank`, `Deployer(...).prefect()` and `@northflank` with Metaflow.

Metaflow puts this file into every code package, but not `metaflow_prefect`, and a standalone generated file puts its
own copy of `metaflow_prefect.runtime`, without the compiler, before an installed one. A container of `run --with
northflank` has a part of `metaflow_northflank`. A missing module must not be declared here, or `import metaflow` itself fails.
"""

from __future__ import annotations

from importlib.util import find_spec

from metaflow.extension_support import plugins as metaflow_plugins

STEP_DECORATORS_DESC = [("northflank", ".northflank_decorator.NorthflankDecorator")]
CLIS_DESC = []

if find_spec("metaflow_prefect") is not None:
    if find_spec("metaflow_prefect.cli") is not None:
        CLIS_DESC += [("prefect", "metaflow_prefect.cli.cli")]
    if find_spec("metaflow_prefect.deployer") is not None:
        DEPLOYER_IMPL_PROVIDERS_DESC = [("prefect", "metaflow_prefect.deployer.PrefectDeployer")]

if find_spec("metaflow_northflank") is not None and find_spec("metaflow_northflank.cli"):
    _GROUP = ("northflank", "metaflow_northflank.cli.group.cli")
    # Newer versions of Metaflow want to know which groups execute steps elsewhere.
    if hasattr(metaflow_plugins, "get_trampoline_cli_names"):
        TRAMPOLINE_CLIS_DESC = [_GROUP]
    else:
        CLIS_DESC += [_GROUP]
