"""Sphinx builds these pages: sphinx-build -W --keep-going -b html docs build/docs, with no network."""

from __future__ import annotations

import re

import nnfast

project = "nnfast"
author = "The nnfast developers"
copyright = author
version = release = nnfast.__version__

extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_parser"]
templates_path = ["_templates"]
exclude_patterns = ["pictures"]
suppress_warnings = ["myst.header"]

# The docstrings are numpydoc's; members are those of __all__, in its order.
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = (
    "none"  # the docstrings say shapes and dtypes, the annotations hold the lint's names for them
)
numpydoc_show_class_members = False

myst_heading_anchors = 3

html_theme = "furo"
html_title = "nnfast"
html_static_path = ["_static"]
html_css_files = ["language.css"]
html_show_sourcelink = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}


def counterpart(page: str, pages: set[str]) -> str:
    """The same page in the other language, or the other language's index."""
    if page.startswith("ko/"):
        english = page.removeprefix("ko/")
        return english if english in pages else "index"
    korean = f"ko/{page}"
    return korean if korean in pages else "ko/index"


def add_languages(app, page, template, context, doctree):
    """What the language switch of the sidebar needs, and the language that the page says it is in."""
    context["korean"] = page.startswith("ko/")
    context["counterpart"] = counterpart(page, app.env.all_docs.keys())
    if context["korean"]:
        context["language"] = "ko"


def formulas_as_text(app, what, name, obj, options, lines):
    """In our docstrings |x| is an absolute value and *blobs an argument, not markup."""
    for i, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts[::2]]
        two = " ".join(lines[i : i + 2])
        if not re.search(r"(?<![\w*])\*[^*\s][^*]*\*(?!\w)", two):  # unless something is in *italics*
            parts[::2] = [re.sub(r"\*(?=\w)", r"\\*", part) for part in parts[::2]]
        lines[i] = "".join(parts)


def outside_links_as_text(app, page, source):
    """A link to a file outside docs/ works where the repository is shown, and is only the file's name here."""
    up = r"(?:\.\./)" + ("{2,}" if page.startswith(("ko/", "api/")) else "+")
    source[0] = re.sub(
        rf"\[([^\]]+)\]\({up}([^)]+)\)",
        lambda found: f"`{found[2]}`" if found[1] == found[2] else f"{found[1]} (`{found[2]}`)",
        source[0],
    )


def setup(app):
    app.connect("autodoc-process-docstring", formulas_as_text, priority=400)  # before numpydoc
    app.connect("source-read", outside_links_as_text)
    app.connect("html-page-context", add_languages)
