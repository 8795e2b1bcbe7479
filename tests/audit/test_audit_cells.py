import pytest

from synthbench.audit.cells import decimals, parse_cell


@pytest.mark.parametrize(
    "text",
    [
        "28.1 ± 0.3",
        "28.1±0.3",
        "28.1 +- 0.3",
        "28.1 +/- 0.3",
        r"28.1\pm0.3",
        r"$28.1 \pm 0.3$",
        "28.1 (0.3)",
        "28.1(0.3)*",
        "28.1 ± 0.3 †",
        r"28.1 $\pm$ 0.3\textsuperscript{$\dagger$}",
        r"28.1 $\pm$ 0.3\phantom{\textsuperscript{$\dagger$}}",
    ],
)
def test_mean_and_spread(text):
    cell = parse_cell(text)
    assert (cell.mean, cell.sd, cell.decimals, cell.sd_decimals) == (28.1, 0.3, 1, 1)
    assert cell.mark == ""


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("**28.1 ± 0.3**", "best"),
        ("**28.1** ± 0.3 ‡", "best"),
        (r"\textbf{28.1} $\pm$ 0.3", "best"),
        (r"$\mathbf{28.1 \pm 0.3}$", "best"),
        ("<b>28.1</b> ± 0.3", "best"),
        ("<u>28.1±0.3</u>", "second"),
        ("<ins>28.1 ± 0.3</ins> †", "second"),
        (r"\underline{28.1} (0.3)", "second"),
    ],
)
def test_marks(text, mark):
    cell = parse_cell(text)
    assert (cell.mean, cell.sd, cell.mark) == (28.1, 0.3, mark)


@pytest.mark.parametrize("text", ["", "-", "--", "–", "n/a", "N/A", "nan"])  # noqa: RUF001
def test_empty_cells(text):
    assert parse_cell(text) is None


@pytest.mark.parametrize("text", ["abc", "1,5", "1.2.3", "12 of 13", "± 3", "1 ± 2 ± 3"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_cell(text)


def test_numbers_alone_signs_percent_and_sizes():
    assert parse_cell("-1.5e-3").mean == -0.0015
    assert parse_cell("−2.0").mean == -2  # noqa: RUF001
    assert parse_cell("88.0%").mean == 88
    assert parse_cell("24.10 ± 0.90 (n = 3)").n == 3
    assert parse_cell("24.10").sd is None


@pytest.mark.parametrize(
    ("text", "digits"), [("28.150", 3), ("28", 0), ("1.5e-3", 4), ("2e2", -2), ("", 0)]
)
def test_printed_digits(text, digits):
    assert decimals(text) == digits
