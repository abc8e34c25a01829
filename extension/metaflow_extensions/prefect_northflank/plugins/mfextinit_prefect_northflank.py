"""Register the `prefect` command group, `Deployer(...).prefect()` and `@northflank` with Metaflow.

Metaflow puts this file into every code package, but not `metaflow_prefect`, and a standalone generated file puts its
own copy of `metaflow_prefect.runtime`, without the compiler, before an installed one. A missing module must not be
declared here, or `import metaflow` itself fails.
"""

from __future__ import annotations

from importlib.util import find_spec

STEP_DECORATORS_DESC = [("northflank", ".northflank_decorator.NorthflankDecorator")]

if find_spec("metaflow_prefect") is not None:
    if find_spec("metaflow_prefect.cli") is not None:
        CLIS_DESC = [("prefect", "metaflow_prefect.cli.cli")]
    if find_spec("metaflow_prefect.deployer") is not None:
        DEPLOYER_IMPL_PROVIDERS_DESC = [("prefect", "metaflow_prefect.deployer.PrefectDeployer")]
