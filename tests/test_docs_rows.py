"""The table of what the courses ask is complete, and what it names exists; both languages say the same."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TABLES = ["course_rows.md", "ko/course_rows.md"]
PAGES = sorted(path.name for path in DOCS.glob("*.md"))

pytestmark = pytest.mark.skipif(not PAGES, reason="not in a source tree")


def rows(name):
    """(number, what is asked, where it is shown) of every row."""
    return re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", (DOCS / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_there_once(name):
    assert [int(number) for number, _, _ in rows(name)] == list(range(1, 160))


@pytest.mark.parametrize("name", TABLES)
def test_what_is_named_exists(name):
    for number, _, shown in rows(name):
        pages = re.findall(r"\]\((\S+?)\)", shown)
        tests = re.findall(r"`(\w+\.py)::(\w+)`", shown)
        assert pages or tests, number
        assert len(tests) == shown.count("`") // 2, number
        for page in pages:
            assert ((DOCS / name).parent / page).resolve().is_file(), (number, page)
        for file, test in tests:
            assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(), (number, test)


def test_both_languages_name_the_same_tests():
    english, korean = ([re.findall(r"`\S+`", shown) for _, _, shown in rows(name)] for name in TABLES)
    assert english == korean


def parts(path):
    """How many headings of each level, blocks of code, tables, pictures and links a page has."""
    text = path.read_text()
    link = r"(?<!!)\[[^]]+\]\((\S+?)\)"
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {
        "headings": [len(mark) for mark in re.findall(r"^(#+) ", prose, re.MULTILINE)],
        "blocks": re.findall(r"^```(.+)$", text.replace("../../", "../"), re.MULTILINE),
        "rows": len(re.findall(r"^\|", prose, re.MULTILINE)),
        "pictures": [Path(target).name for target in re.findall(r"!\[[^]]+\]\((\S+?)\)", prose)],
        "links": sorted(Path(target).name.split("#")[0] for target in re.findall(link, prose)),
    }


@pytest.mark.parametrize("name", [name for name in PAGES if name != "index.md"])
def test_the_korean_page_has_the_same_parts(name):
    assert parts(DOCS / name) == parts(DOCS / "ko" / name)


def test_the_korean_readme_has_the_same_parts():
    english, korean = parts(ROOT / "README.md"), parts(ROOT / "README.ko.md")
    for readme, other in ((english, "README.ko.md"), (korean, "README.md")):
        readme["links"].remove(other)
    assert english == korean


@pytest.mark.parametrize(
    "path",
    [*DOCS.rglob("*.md"), *ROOT.glob("README*.md")],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\((?!http)(\S+?)\)", path.read_text()):
        file = link.split("#")[0]
        assert not file or (path.parent / file).exists(), link


def test_the_language_switch_leads_to_the_counterpart():
    conf = runpy.run_path(str(DOCS / "conf.py"))
    pages = {"index", "perceptron", "api/layers", "ko/index", "ko/perceptron"}
    leads = {page: conf["counterpart"](page, pages) for page in pages}
    assert leads == {
        "index": "ko/index",
        "perceptron": "ko/perceptron",
        "api/layers": "ko/index",
        "ko/index": "index",
        "ko/perceptron": "perceptron",
    }
