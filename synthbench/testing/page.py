"""The checks as documentation: tables made of their docstrings."""

from __future__ import annotations

from pathlib import Path

from synthbench.registry import KINDS
from synthbench.testing.checks import Check, checks_up_to

BEGIN = "<!-- checks: written by `python -m synthbench.testing.page`, from docstrings -->"
END = "<!-- /checks -->"


def tables() -> str:
    """Every check, one markdown table a kind; what applies to all components has one of its own."""
    checks = checks_up_to(1)
    common = [check for check in checks if len(check.kinds) > 1]
    sections = [_section("Plugins", [c for c in checks if c.kinds == ("plugins",)])]
    sections.append(_section("Components of every kind", common))
    for kind in KINDS:
        if own := [c for c in checks if c.kinds == (kind,)]:
            sections.append(_section(kind.capitalize(), own))
    return "\n\n".join(sections)


def _section(title: str, checks: list[Check]) -> str:
    rows = [f"| `{c.name}` | {c.level} | {_demands(c)} |" for c in checks]
    return "\n".join(
        [f"### {title}", "", "| check | level | demands |", "| --- | --- | --- |", *rows]
    )


def _demands(check: Check) -> str:
    exceptions = {kind for kind in KINDS if kind not in check.kinds}
    suffix = " (Not for methods.)" if len(check.kinds) > 1 and exceptions == {"methods"} else ""
    return check.demands.replace("|", r"\|") + suffix


def updated(page: str) -> str:
    """Return a page with the tables between its two markers made anew."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables()}\n\n{END}{tail}"


if __name__ == "__main__":
    path = Path("docs/conformance.md")
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
