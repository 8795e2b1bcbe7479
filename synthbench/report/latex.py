"""Renders a table as LaTeX with booktabs rules, ready for ``\\input``."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from synthbench.report import published_text
from synthbench.report.caption import BETTER_MARK, WORSE_MARK, caption, definitions
from synthbench.report.notes import findings, remarks
from synthbench.report.provenance import provenance
from synthbench.report.published import PublishedTable, published_tables
from synthbench.report.run_folder import RunFolder, short_name
from synthbench.report.tables import Cell, Row, Table

#: Columns that fit into one column of a two-column paper.
_NARROW = 3
_CHARACTERS = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "`": r"\textasciigrave{}",
        "\0": "{}",
        # pdfTeX knows no glyph for these.
        "±": r"$\pm$",
        "×": r"$\times$",  # noqa: RUF001
        "·": r"$\cdot$",
        "→": r"$\rightarrow$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "−": r"$-$",  # noqa: RUF001
        "√": r"$\surd$",
        "²": r"\textsuperscript{2}",
        "³": r"\textsuperscript{3}",
        "°": r"\textdegree{}",
        "…": r"\ldots{}",
        "—": "---",
        "–": "--",  # noqa: RUF001
    }
)
#: Letters that are no letter with an accent.
_LETTERS = {
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}"},
    **{"œ": r"\oe{}", "Œ": r"\OE{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}"},  # noqa: RUF001
    **{"‘": "`", "’": "'", "“": "``", "”": "''"},  # noqa: RUF001
}
#: Combining accents.
_ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "="},
    **{"\u0306": "u", "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H"},
    **{"\u030c": "v", "\u0323": "d", "\u0327": "c"},
}
_GREEK_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi pi rho sigma tau upsilon phi chi
psi omega Gamma Delta Theta Xi Pi Sigma Phi Psi Omega
"""
_GREEK = {
    unicodedata.lookup(f"GREEK {'SMALL' if name.islower() else 'CAPITAL'} LETTER {name}"): name
    for name in _GREEK_NAMES.split()
} | {"λ": "lambda", "Λ": "Lambda"}


def escape(text: str) -> str:
    """Make a name or sentence print as it is, in one line."""
    # Two hyphens in a row would become a dash.
    plain = " ".join(text.split()).replace("--", "-\0-").translate(_CHARACTERS)
    escaped = re.sub(r"[^\x20-\x7e]", lambda found: _letter(found.group()), plain)
    # At the start of a row, these would be arguments of the row break before it.
    return "{}" + escaped if escaped.startswith(("[", "*")) else escaped


def _letter(character: str) -> str:
    """A letter beyond ASCII in commands that every LaTeX knows; its code point where it has none.

    A character that is not set up stops LaTeX, whatever its input encoding.
    """
    if character in _LETTERS:
        return _LETTERS[character]
    parts = unicodedata.normalize("NFKD", character)
    base, marks = parts[0], parts[1:]
    if all(mark in _ACCENTS for mark in marks) and base.isascii() and base.isprintable():
        # A full-width backslash is a backslash underneath.
        base = base.translate(_CHARACTERS)
        for mark in marks:
            # The i and j lose their dots below an accent.
            base = rf"\{_ACCENTS[mark]}{{{f'{chr(92)}{base}' if base in 'ij' else base}}}"
        return base
    if base in _GREEK:
        return rf"$\{_GREEK[base]}$"
    return f"[U+{ord(character):04X}]"


def render(table: Table, run: RunFolder) -> str:
    """Render a ``table`` environment with caption and notes, remarks and definitions below it, and
    a table beside what was published, if anything.

    Remarks and definitions are text that may break over pages: in the table they would often make
    it longer than a page, and LaTeX cuts such a table off.

    Args:
        table: The table.
        run: The run it comes from.

    Returns:
        LaTeX that needs the packages booktabs and graphicx, with the run's command and versions
        as comments.
    """
    baselines = [row for row in table.rows if row.baseline]
    trained = [row for row in table.rows if not row.baseline]
    blocks = [block for block in (baselines, trained) if block]
    label = re.sub("[^A-Za-z0-9]+", "-", f"{short_name(table.dataset)} {table.task}")
    # In a two-column paper, a wide table spans both columns.
    environment = "table*" if len(table.columns) > _NARROW else "table"
    lines = [
        *(f"% {' '.join(line.split())}" for line in provenance(run)),
        r"% Needs \usepackage{booktabs,graphicx}",
        rf"\begin{{{environment}}}[tbp]",
        r"\centering",
        rf"\caption{{{escape(caption(table, run))}}}",
        rf"\label{{tab:{label}}}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        # Shrinks a table that is wider than the text, and no other.
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        *_header(table),
        r"\midrule",
    ]
    for number, block in enumerate(blocks):
        lines += [r"\midrule"] if number else []
        lines += [_row(row, table) for row in block]
    sizes = [str(table.n(index) or "--") for index in range(len(table.columns))]
    lines += [
        r"\midrule",
        " & ".join([r"$n$", *sizes]) + r" \\",
        r"\bottomrule",
        r"\end{tabular}}",
        *_below(findings(table, run)),
        rf"\end{{{environment}}}",
        "",
        "% For the text or a supplement:",
        rf"{{\footnotesize\raggedright\noindent\textit{{On Table~\ref{{tab:{label}}}.}}",
        *(rf"{escape(line)}\par" for line in [*remarks(table, run), *definitions(table)]),
        "}",
    ]
    for number, each in enumerate(published_tables(run, table.dataset, table.task)):
        lines += ["", *_published(each, f"tab:{label}-published{number or ''}")]
    return "\n".join(lines) + "\n"


def _published(table: PublishedTable, label: str) -> list[str]:
    rows = [
        r"\midrule" if row is None else " & ".join(escape(text) for text in row) + r" \\"
        for row in _by_method(published_text.body(table))
    ]
    return [
        r"\begin{table*}[tbp]",
        r"\centering",
        rf"\caption{{{escape(published_text.heading(table))}}}",
        rf"\label{{{label}}}",
        r"\small",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{lllrrrl}",
        r"\toprule",
        " & ".join(published_text.HEADER) + r" \\",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
        *_below(published_text.caption(table)),
        r"\end{table*}",
    ]


def _below(notes: Sequence[str]) -> list[str]:
    """Notes within a table, below its rows."""
    if not notes:
        return []
    return [
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *(rf"{escape(line)}\par" for line in notes),
        r"\end{minipage}",
    ]


def _by_method(rows: list[list[str]]) -> Iterator[list[str] | None]:
    """The rows, with ``None`` where those of another method begin."""
    for _, group in groupby(rows, key=lambda row: row[0]):
        yield None
        yield from group


def _header(table: Table) -> list[str]:
    regions, rules, start = [""], [], 2
    for name, group in groupby(table.columns, key=lambda column: column.region_name):
        width = len(list(group))
        regions.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(name)}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    titles = ["method", *(escape(column.title) for column in table.columns)]
    return [" & ".join(regions) + r" \\", "".join(rules), " & ".join(titles) + r" \\"]


def _row(row: Row, table: Table) -> str:
    cells = [_cell(cell, table, index) for index, cell in enumerate(row.cells)]
    return " & ".join([escape(row.label), *cells]) + r" \\"


def _cell(cell: Cell, table: Table, index: int) -> str:
    if cell.state:
        return cell.state if cell.state == "--" else escape(cell.state)
    column = table.columns[index]
    mean = column.format(cell.mean)
    mean = {1: rf"\textbf{{{mean}}}", 2: rf"\underline{{{mean}}}"}.get(cell.rank, mean)
    spread = "" if math.isnan(cell.sd) else rf" $\pm$ {column.format(cell.sd)}"
    size = "" if cell.ranked else f" ($n = {cell.n}$)"
    # As wide as the mark, so that the digits of a column stay in line.
    marked = cell.worse or cell.better
    mark = rf"\textsuperscript{{{escape(BETTER_MARK if cell.better else WORSE_MARK)}}}"
    mark = mark if marked else rf"\phantom{{{mark}}}"
    return mean + spread + size + mark
