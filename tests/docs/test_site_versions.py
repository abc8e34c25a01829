"""`make docs-versions`: a folder for each version, which the theme's selector finds, and a page that lists them."""

from __future__ import annotations

import json
import re
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.docs import site_versions
from tests.support.chromium import running_chromium

_CONFIGURATION = (
    '[project]\nsite_name = "Site"\nsite_dir = "build/site"\nuse_directory_urls = false\n'
)
_CONFIG_OF_A_PAGE = re.compile(r'<script id="__config" type="application/json">(.*?)</script>')


@pytest.fixture(scope="module")
def sites(tmp_path_factory) -> Path:
    """The sites of a project that has one in two releases and a change since; its first tag is older than the site."""
    pytest.importorskip("zensical", reason="zensical is not installed (pip install '.[docs]')")
    project = tmp_path_factory.mktemp("project")

    def git(*words: str) -> None:
        author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *author, *words], cwd=project, check=True, capture_output=True)

    git("init")
    (project / ".gitignore").write_text("build/\n")
    (project / "docs").mkdir()
    for version in ("0.1.0", "0.9.0", "0.10.0"):
        if version != "0.1.0":
            (project / "zensical.toml").write_text(_CONFIGURATION)
            (project / "docs/index.md").write_text(f"# Of {version}\n")
        git("add", "--all")
        git("commit", "--message", version)
        git("tag", f"v{version}")
    (project / "docs/index.md").write_text("# Of tomorrow\n")
    assert site_versions.main(["--project", str(project)]) == 0
    return project / "build/site-versions"


def test_each_version_has_its_site_and_the_selector_and_a_page_list_them(sites):
    assert json.loads((sites / "versions.json").read_text()) == [
        {"version": "0.10.0", "title": "0.10.0", "aliases": ["latest"]},
        {"version": "0.9.0", "title": "0.9.0", "aliases": []},
        {"version": "unreleased", "title": "not yet released", "aliases": []},
    ]
    assert (sites / "index.html").read_text().count("<li>") == 3
    for folder, of in (("0.10.0", "0.10.0"), ("0.9.0", "0.9.0"), ("unreleased", "tomorrow")):
        page = (sites / folder / "index.html").read_text()
        found = _CONFIG_OF_A_PAGE.search(page)
        assert found is not None
        assert json.loads(found[1])["version"] == {"provider": "mike", "default": "latest"}
        assert re.search(r"<h1[^>]*>Of (\S+?)<", page)[1] == of


@pytest.mark.slow
def test_a_browser_shows_the_versions_on_each_page(sites):
    serve = partial(SimpleHTTPRequestHandler, directory=str(sites))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server, running_chromium() as chromium:
        Thread(target=server.serve_forever, daemon=True).start()
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/0.9.0/index.html")
        page.wait_for_selector(".md-version__link", state="attached")
        links = [it.text_content().strip() for it in page.query_selector_all(".md-version__link")]
        current = page.text_content(".md-version__current").strip()
        server.shutdown()

    assert (current, links) == ("0.9.0", ["0.10.0", "0.9.0", "not yet released"])
