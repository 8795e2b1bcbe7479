from pathlib import Path

from synthbench.testing import checks, page

PAGE = Path(__file__).parent.parent.parent / "docs" / "conformance.md"


def test_the_page_lists_the_checks_as_they_are() -> None:
    """If this fails, run `python -m synthbench.testing.page` in the repository's root."""
    text = PAGE.read_text()
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    assert page.updated(text) == text


def test_every_check_says_what_it_demands_and_has_a_name_of_its_own() -> None:
    seen = set()
    for check in checks.checks_up_to(1):
        assert check.demands.rstrip(")").endswith("."), check.name
        assert f"| `{check.name}` | {check.level} | " in page.tables()
        # Two checks may share a name where no component meets both.
        key = (check.name, check.kinds, check.applies)
        assert key not in seen
        seen.add(key)
