"""The HTML page of a run: one file that needs no network.

page.py         puts everything together and writes the file
content.py      tables, summary, failures and provenance as plain data for the template
svg.py          drawing SVG: escaped text, scales, ticks
row_chart.py    what charts with one row a method share
charts.py       distributions, paired differences, rank intervals
critical.py     critical-difference diagram over datasets
curves.py       training curves
subjects.py     which subjects are shown, and their slices
sprites.py      many slices of one volume as one small picture
page.jinja, page.css, page.js   what the browser gets
"""
