"""The document the stack follows (`seed.md`), section by section: tables, commands, files.

Every row of its tables and every command of its `bash` blocks must be named here; what each
command does is checked on real stacks, and that each *start* means what the document says is
checked on the settings it makes (the stacks themselves are started in the neighbouring files).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from metaflow_prefect.headless.database.provisioning import external_password
from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.services.process_environment import Access
from metaflow_prefect.headless.services.services import Cluster, Plan, services
from metaflow_prefect.headless.settings.database_address import (
    DatabaseKind,
    MachineFacts,
    choose,
    from_parts,
    from_url,
    sqlite,
)
from metaflow_prefect.headless.settings.model import BY_NAME
from metaflow_prefect.headless.settings.reading import read_settings
from metaflow_prefect.headless.settings.sources import Sources

SEED = (Path(__file__).parent / "seed.md").read_text()
DEPLOY = Path(__file__).parents[3] / "metaflow_prefect" / "headless" / "resources" / "deploy"
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
BLOCK = re.compile(r"^#+ ([^\n]*)$|^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

OTHER_DEFAULTS = {
    "PREFECT_HOME": None,
    "PREFECT_SERVER_HOST": "127.0.0.1",
    "PREFECT_API_HOST": None,
}
"""Where we are safer than the document, or have no flox."""

STARTS = {
    "prefect-headless up -d": {
        "api_url": "http://127.0.0.1:4200/api",
        "storage.type.value": "sqlite",
    },
    "PREFECT_STORAGE_TYPE=postgres PGDATABASE=prefect prefect-headless up -d": {
        "storage.type.value": "postgres",
        "storage.postgres.database": "prefect",
        "storage.postgres.user": "pguser",
        "storage.postgres.host": "127.0.0.1",
        "storage.postgres.port": 15432,
    },
    "PREFECT_STORAGE_TYPE=postgres "
    'PREFECT_DATABASE_URL="postgresql+asyncpg://user:pass@prod-db:5432/prefect" '
    "prefect-headless up -d": {
        "storage.url": "postgresql+asyncpg://user:pass@prod-db:5432/prefect",
    },
    **{
        f"PREFECT_UI_API_URL={url} prefect-headless up -d": {
            "ui_api_url": url,
            "api_url": "http://127.0.0.1:4200/api",
        }
        for url in (
            "http://your-hostname:4200/api",
            "http://myserver.example.com:4200/api",
            "https://prefect.company.com/api",
            "http://myserver:4200/api",
            "http://192.168.1.100:4200/api",
            "http://your-server:4200/api",
        )
    },
}
"""What each start of the document must mean: attribute of the settings → value."""

COMMANDS = {
    "prefect-headless status": "stack     healthy",
    "prefect-headless status prefect-worker": "worker    ok",
    "prefect-headless logs prefect-server": "Check out the dashboard",
    "prefect-headless logs prefect-worker": "started!",
    "prefect-headless doctor": "ok  port",
    "prefect-headless restart prefect-server": "restarted prefect-server",
    "prefect-headless start prefect-server": "started server",
    "prefect-headless start prefect-worker": "started worker",
    "prefect-headless info": "prefect.db",
    "prefect-headless db check": "ok: ",
    "prefect-info": "PREFECT_WORKER_POOL_NAME=default-pool",
    "prefect-headless run prefect --version": "3.",
    "prefect-headless run prefect work-pool ls": "default-pool",
    "prefect-headless run prefect deployment ls": "Deployments",
    # Run before the next, which then has something to list.
    "prefect-headless run sh -c 'python $PREFECT_FLOWS_DIR/data_pipeline.py'": "",
    "prefect-headless run prefect flow-run ls": "data-pipeline",
    "PREFECT_EPHEMERAL=1 prefect-headless run sh -c 'python $PREFECT_FLOWS_DIR/hello_flow.py'": "",
    "prefect-headless run sh -c 'echo $PREFECT_UI_API_URL'": "http://127.0.0.1:",
    "prefect-headless run sh -c 'echo $PREFECT_SERVER_UI_STATIC_DIRECTORY'": "/ui",
}
"""What each command must print on a running stack."""

POSTGRES_COMMANDS = {
    "prefect-headless start postgres": "started postgres",
    "prefect-headless status postgres": "postgres  ok",
    "prefect-headless logs postgres": "database system is ready to accept connections",
    "prefect-headless run sh -c 'pg_isready -h $PGHOSTADDR -p $PGPORT'": "accepting connections",
    "prefect-headless run sh -c 'psql -l'": "prefect",
}
"""The same for a stack with a managed PostgreSQL."""

EFFECTS = {
    "PREFECT_HOME": ("/elsewhere", "server", "PREFECT_HOME=/elsewhere"),
    "PREFECT_SERVER_HOST": ("10.0.0.1", "server", "PREFECT_SERVER_API_HOST=10.0.0.1"),
    "PREFECT_SERVER_PORT": ("4300", "server", "PREFECT_SERVER_API_PORT=4300"),
    "PREFECT_API_HOST": ("there", "worker", "PREFECT_API_URL=http://there:4200/api"),
    "PREFECT_API_URL": ("http://there/api", "worker", "PREFECT_API_URL=http://there/api"),
    "PREFECT_UI_API_URL": ("http://ui/api", "server", "PREFECT_SERVER_UI_API_URL=http://ui/api"),
    "PREFECT_STORAGE_TYPE": (
        "postgres",
        "server",
        (
            "PREFECT_SERVER_DATABASE_CONNECTION_URL="
            "postgresql+asyncpg://pguser:pgpass@127.0.0.1:15432/prefect"
        ),
    ),
    "PREFECT_DATABASE_URL": (
        "postgres://u:p@h/d",
        "server",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL=postgresql+asyncpg://u:p@h/d",
    ),
    "PREFECT_WORKER_POOL_NAME": ("nf", "worker", "--pool nf"),
    "PREFECT_WORKER_LIMIT": ("3", "worker", "--limit 3"),
    "PREFECT_WORKER_QUERY_SECONDS": ("2", "worker", "PREFECT_WORKER_QUERY_SECONDS=2"),
    "PREFECT_LOGGING_LEVEL": ("debug", "worker", "PREFECT_LOGGING_LEVEL=DEBUG"),
    "PREFECT_LOGGING_TO_API_ENABLED": ("0", "worker", "PREFECT_LOGGING_TO_API_ENABLED=false"),
    "PREFECT_SKIP_INIT": ("1", "server", "PREFECT_SERVER_DATABASE_MIGRATE_ON_START=false"),
}
"""What each row of the tables does when it is set: the value, and what follows where. `server` and
`worker` are the services' command and environment."""
OF_COMMANDS = {"PREFECT_QUIET", "PREFECT_EPHEMERAL"}
"""Those that are for the commands, not for a service; their tests are in the neighbouring files."""

OTHER_BLOCKS = {
    ("Remote Access Setup", ""): "an address",
    ("Kubernetes Deployment", "yaml"): "below",
    ("Reverse Proxy Setup (Nginx)", "nginx"): "below, and by a real nginx",
    ("Files & Directories", ""): "below",
    ("Architecture", ""): "below",
    ("Composition", "toml"): "flox only",
}
"""Blocks of the document that hold no command, and where what they say is tested."""


def blocks(language):
    section = ""
    for found in BLOCK.finditer(SEED):
        if found[1]:
            section = found[1]
        elif found[2] == language:
            yield section, found[3]


def commands(text):
    """The commands of a block: comments gone, continued lines joined, here-documents skipped."""
    text = re.sub(r"^cat > .*?^EOF\n", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in text.replace("\\\n", "").splitlines():
        command = line.split("  #")[0].strip()
        if command and not command.startswith("#"):
            yield " ".join(command.split())


def seed_commands():
    return [
        command
        for section, text in blocks("bash")
        if not section.startswith("CI/CD")
        for command in commands(text)
    ]


def variables_of(command):
    words = shlex.split(command)
    return dict(word.split("=", 1) for word in words if re.match(r"^[A-Z_]+=", word))


def settings_of(environ, dotenv=None):
    return read_settings(Sources(environ=environ, dotenv=dotenv or {}))


def plan_of(settings, cluster=None):
    """The stack these settings mean where no PostgreSQL is installed."""
    layout = Layout(home=settings.home)
    nothing = MachineFacts(postgres_answers=False, cluster_exists=False, binaries=None)
    match choose(settings, nothing):
        case DatabaseKind.SQLITE:
            chosen = sqlite(layout.database)
        case DatabaseKind.URL:
            chosen = from_url(settings.storage.url)
        case kind:
            chosen = from_parts(kind, settings, external_password(settings.storage.postgres))
    return Plan(
        settings=settings,
        layout=layout,
        database=chosen,
        access=Access(auth_string=None),
        cluster=cluster,
        worker_ports=(8080,),
        host_name="machine",
    )


def described(settings):
    """Each service by name: its command and its environment as text."""
    return {
        service.name: " ".join(service.command)
        + "\n"
        + "\n".join(f"{name}={text}" for name, text in service.environment.items())
        for service in services(plan_of(settings))
    }


@pytest.mark.parametrize(("name", "default"), [(row[1], row[2]) for row in ROW.finditer(SEED)])
def test_each_variable_of_the_tables_exists_with_its_default(name, default):
    expected = {"(auto)": None, "-": "0"}.get(default, default.strip("`"))

    assert BY_NAME[name].default == OTHER_DEFAULTS.get(name, expected)


@pytest.mark.parametrize("name", EFFECTS)
def test_each_variable_of_the_tables_does_what_it_says(name):
    value, service, effect = EFFECTS[name]

    assert effect in described(settings_of({name: value}))[service]
    assert effect not in described(settings_of({}))[service]


def test_each_row_of_the_tables_has_an_effect():
    assert {row[1] for row in ROW.finditer(SEED)} == {*EFFECTS, *OF_COMMANDS}


def test_each_other_block_of_the_document_is_known():
    found = set()
    section = ""
    for block in BLOCK.finditer(SEED):
        section = block[1] or section
        if not block[1] and block[2] != "bash":
            found.add((section, block[2]))

    assert found == set(OTHER_BLOCKS)


@pytest.mark.parametrize(
    ("mode", "names"),
    [("SQLite", ["server", "worker"]), ("PostgreSQL", ["postgres", "server", "worker"])],
)
def test_the_services_are_those_of_the_architecture(mode, names):
    (drawn,) = re.findall(rf"^\*\*{mode} Mode.*?```(.*?)```", SEED, re.DOTALL | re.MULTILINE)
    managed = Cluster(binaries=Path("/bin"), directory=Path("/pg"), user=None)
    plan = plan_of(settings_of({}), cluster=managed if mode == "PostgreSQL" else None)

    assert [service.name for service in services(plan)] == names
    assert sorted(re.findall(r"prefect-(\w+)|(postgres) service", drawn)) == sorted(
        ("", name) if name == "postgres" else (name, "") for name in names
    )


def test_the_tables_were_found():
    assert len(ROW.findall(SEED)) == 16


@pytest.mark.parametrize("name", ["PGUSER", "PGPASSWORD", "PGHOSTADDR", "PGPORT"])
def test_each_postgres_variable_has_the_default_of_the_document(name):
    (default,) = re.findall(rf"`{name}` \(default: `(\S+)`\)", SEED)

    assert BY_NAME[name].default == default


def test_each_command_of_the_document_is_tested_here():
    known = {*STARTS, *COMMANDS, *POSTGRES_COMMANDS}

    assert set(seed_commands()) <= known
    assert known <= {*seed_commands()}


@pytest.mark.parametrize("command", STARTS)
def test_each_start_means_what_the_document_says(command):
    found = settings_of(variables_of(command))

    for path, expected in STARTS[command].items():
        value = found
        for name in path.split("."):
            value = getattr(value, name)
        assert value == expected


def test_the_dotenv_file_of_the_document_means_what_it_says(tmp_path):
    (heredoc,) = re.findall(r"cat > \.env << EOF\n(.*?)EOF", SEED, re.DOTALL)
    (tmp_path / ".env").write_text(heredoc)
    found = settings_of({}, dotenv_values(tmp_path / ".env"))
    bare = MachineFacts(postgres_answers=False, cluster_exists=False, binaries=Path("/bin"))

    assert found.ui_api_url == "http://myserver:4200/api"
    assert found.storage.postgres.database == "prefect"
    assert choose(found, bare) is DatabaseKind.MANAGED


def test_our_dockerfile_starts_what_the_documents_does():
    ((_, text),) = (block for block in blocks("bash") if block[0].startswith("CI/CD"))
    ours = (DEPLOY / "Dockerfile").read_text()
    command = re.findall(r"^CMD (.*)$", text, re.MULTILINE)
    variables = re.findall(r"^ENV (\w+)=", text, re.MULTILINE)

    assert re.findall(r"^CMD (.*)$", ours, re.MULTILINE) == command
    assert all(name in BY_NAME for name in variables)
    assert "ENV PREFECT_SERVER_HOST=0.0.0.0" in ours


def test_our_kubernetes_manifests_have_everything_of_the_documents():
    ((_, text),) = blocks("yaml")
    theirs = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"][0]
    every = [
        item
        for path in (DEPLOY / "kubernetes").glob("*.yaml")
        for item in yaml.safe_load_all(path.read_text())
    ]
    (server,) = (
        item
        for item in every
        if item["kind"] == "Deployment" and "server" in item["metadata"]["name"]
    )
    ours = server["spec"]["template"]["spec"]["containers"][0]

    assert {item["name"] for item in theirs["env"]} <= {item["name"] for item in ours["env"]}
    assert ours["ports"][0]["containerPort"] == theirs["ports"][0]["containerPort"]
    assert ours["command"] == theirs["command"]


def test_our_nginx_example_has_every_directive_of_the_documents():
    """And those it lacks: without the upgrade headers no event stream passes."""
    ((_, text),) = blocks("nginx")
    ours = (DEPLOY / "nginx.conf").read_text().replace("127.0.0.1", "localhost")
    directives = [line.strip() for line in text.splitlines() if line.strip().endswith(";")]

    assert [directive for directive in directives if directive not in ours] == []
    assert "proxy_set_header Upgrade $http_upgrade;" in ours


def test_our_flox_manifest_offers_the_services_of_the_document():
    """The manifest was never run by flox; its shape is all that can be checked."""
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    found = tomllib.loads((DEPLOY / "flox-manifest.toml").read_text())

    assert set(found["services"]) == {"prefect"}
    assert "prefect-headless up" in found["services"]["prefect"]["command"]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_works_on_a_stack(stack, command, tmp_path):
    environ = variables_of(command.split(" prefect-")[0])
    words = [word for word in shlex.split(command) if "=" not in word]
    if "restart" in command or "start" in words:
        stack.until_healthy()
    program = words.pop(0)
    if "PREFECT_EPHEMERAL" in environ:
        # A home without a server: the two would wait for each other's locks on the database.
        environ["PREFECT_HOME"] = str(tmp_path)
    done = stack.command(*(["info"] if program == "prefect-info" else []), *words, **environ)

    assert done.returncode == 0, done.stdout + done.stderr
    assert COMMANDS[command] in done.stdout
    if "restart" in command:
        stack.until_healthy()


@pytest.mark.slow
@pytest.mark.parametrize("command", POSTGRES_COMMANDS)
def test_each_command_works_on_a_stack_with_postgres(managed, command):
    done = managed.command(*shlex.split(command)[1:])

    assert done.returncode == 0, done.stdout + done.stderr
    assert POSTGRES_COMMANDS[command] in done.stdout


@pytest.mark.slow
def test_the_files_of_the_document_are_there(stack):
    (tree,) = re.findall(r"^\$PREFECT_FLOWS_DIR/ .*?\n\n", SEED, re.DOTALL | re.MULTILINE)
    flows = re.findall(r"(\w+\.py)", tree)

    assert {path.name for path in (stack.home / "flows").glob("*.py")} >= set(flows)
    for name in ("prefect.db", "logs", "ui", "storage"):
        assert (stack.home / name).exists()
