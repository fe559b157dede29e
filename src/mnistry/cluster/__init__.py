"""Reading in bulk, sweeps and training on the machines of a Ray cluster.

Ray schedules the work, moves data and repeats what failed. These modules say what each worker does.
"""
