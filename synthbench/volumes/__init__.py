"""From image files to training patches, and from a prediction back to an image file.

Reading and checking
    ``reading`` one file (or generated volume) to RAS, with every defect named; ``headers`` what
    can be known without its voxels; ``orientation`` RAS there and back; ``check`` a whole dataset
    for ``synthbench data check``; ``alignment`` whether two volumes lie on each other; ``hashing``
    content digests and leaks between train and test.
Preparing (once per subject and set of choices)
    ``resampling`` spacing and grids; ``foreground`` a mask where the dataset brings none;
    ``cropping`` to a box and back; ``intensity`` raw values to the unit range and back; ``arrays``
    puts them together for one subject, ``preparing`` for many (``parallel``: side by side), as
    ``prepared`` reads them: memory-mapped arrays, one folder a subject.
Using
    ``grouping`` and ``splitting`` who trains and who tests; ``patches`` training batches;
    ``writing`` predictions in the subject's own space.

Arrays are (X, Y, Z) in RAS; affines map voxels to world millimetres.
"""
