"""One dialect in all packages: what ruff has no rule for."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "metaflow_prefect": ROOT / "metaflow_prefect",
    "metaflow_northflank": ROOT / "northflank" / "metaflow_northflank",
    "prefect_northflank": ROOT / "northflank" / "prefect_northflank",
    "northflank_emulator": ROOT / "northflank" / "northflank_emulator",
    "extension": ROOT / "extension",
}
NOQA = re.compile(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)*  [^\s(—-].*")
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")

BRITISH = re.compile(
    r"(?:authori|initiali|organi|recogni|seriali|normali|summari|optimi|minimi|maximi|reali|speciali|customi|generali)"
    r"s(?:e|es|ed|er|ing|ation)(?![a-z])"
    r"|analys(?:e|ed|er|ing)(?![a-z])"
    r"|behaviour|colour|favour|honour|neighbour|licence|artefact|catalogue|centre(?![a-z])|grey(?![a-z])"
    r"|(?:label|model|signal|travel)l(?:ed|ing)(?![a-z])",
    re.IGNORECASE,
)
"""British spellings. "Cancelled" and "Cancelling" are names of Prefect's states, and stay."""

PHRASES = re.compile(
    r"\b(?:nobody|somebody|whoever|whomever)\b"
    r"|\bof ours\b"
    r"|(?<!\bthere )\bis no\b(?! longer| more)"
    r"|\bsaid by\b|\bis told by\b"
    r"|\b(?:is|are|was|were) made to\b"
    r"|\bwhat there is to\b",
    re.IGNORECASE,
)
"""Turns of phrase that name no actor, or that no native speaker uses."""

ALLOWED: dict[tuple[str, str], str] = {}
"""Findings that stay, as a file's path and the words, each with the reason."""

Text = tuple[int, str]
"""A line number, and the text that begins there."""


def modules(package: str) -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGES[package].rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def comments(source: str) -> list[Text]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(it.start[0], it.string) for it in tokens if it.type == tokenize.COMMENT]


def blocks_of_comments(source: str) -> Iterator[Text]:
    """Yield the comments, those of consecutive lines as one text."""
    begun, last, words = 0, -1, []
    for line, text in comments(source):
        if line != last + 1 and words:
            yield begun, " ".join(words)
            words = []
        begun = begun if words else line
        last = line
        words.append(text.lstrip("# "))
    if words:
        yield begun, " ".join(words)


def strings(source: str) -> Iterator[Text]:
    """Yield docstrings, messages and every other text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def found(path: str, line: int, text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    plain = " ".join(text.split())
    for match in pattern.finditer(plain):
        if (path, match.group().lower()) not in ALLOWED:
            around = plain[max(0, match.start() - 40) : match.end() + 30]
            yield f"{path}:{line}: {match.group()!r} in “…{around}…”"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_noqa_gives_its_reason_after_two_spaces(package):
    offenders = [
        f"{path}:{line}: {text}"
        for path, source in modules(package)
        for line, text in comments(source)
        if "noqa" in text and not NOQA.fullmatch(text)
    ]

    assert not offenders, "\n".join(["not `# noqa: CODE  why`:", *offenders])


@pytest.mark.parametrize("package", PACKAGES)
def test_a_constant_is_explained_by_a_docstring_below_it(package):
    offenders = [
        f"{path}:{line}: {name}"
        for path, source in modules(package)
        for line, name in constants_below_a_comment(source)
    ]

    assert not offenders, "\n".join(["a comment above, not a docstring below:", *offenders])


def constants_below_a_comment(source: str) -> Iterator[Text]:
    lines = source.splitlines()
    tree = ast.parse(source)
    classes = [node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in [it for body in (tree.body, *classes) for it in body]:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = ast.unparse(target)
            above = lines[node.lineno - 2].strip()
            if above.startswith("#") and (CONSTANT.fullmatch(name) or above.startswith("#:")):
                yield node.lineno, name


@pytest.mark.parametrize("package", PACKAGES)
def test_names_and_texts_are_spelled_as_in_american_english(package):
    offenders = [
        offender
        for path, source in modules(package)
        for number, line in enumerate(source.splitlines(), 1)
        for offender in found(path, number, line, BRITISH)
    ]

    assert not offenders, "\n".join(["British spelling:", *offenders])


@pytest.mark.parametrize("package", PACKAGES)
def test_texts_name_the_actor_and_use_the_verb(package):
    offenders = [
        offender
        for path, source in modules(package)
        for line, text in sorted([*strings(source), *blocks_of_comments(source)])
        for offender in found(path, line, text, PHRASES)
    ]

    assert not offenders, "\n".join(["say who does what:", *offenders])
