"""Tell Metaflow of the `prefect` command group and of `Deployer(...).prefect()`.

Metaflow ships this file into every code package but not `metaflow_prefect`; where that is missing
we must declare nothing, or `import metaflow` itself fails in the container.
"""

from importlib.util import find_spec

if find_spec("metaflow_prefect") is not None:
    CLIS_DESC = [("prefect", "metaflow_prefect.cli.cli")]
    DEPLOYER_IMPL_PROVIDERS_DESC = [("prefect", "metaflow_prefect.deployer.PrefectDeployer")]
