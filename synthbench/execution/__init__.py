"""From a suite to results.

methods.py      a method's resolved recipe, its components, and whether they fit together
cells.py        cells and prepared datasets as JSON-able data
subjects.py     which subjects have what a task needs, and what identifies their content
faults.py       subjects that no run can use: refused, or left out
splits.py       who trains and who tests: as asked, as usual for the dataset, as a file says
tasks.py        the data side of a plan: subjects, splits, voxel size, what has to be prepared
planning.py     suite -> plan: cells with their keys
stages.py       the work of prep, train, predict and score
worker.py       runs one cell: in this process, or as `python -m synthbench.execution.worker`
executors.py    where cells run: inline, or one subprocess a cell on this machine
dispatch.py     runs a plan's cells on an executor and tells the listeners
runs.py         the run folder: plan, environment, collected result tables
environment.py  versions and hardware, for the record
"""
