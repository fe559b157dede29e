"""Reading in bulk, sweeps and training on the machines of a Ray cluster.

Ray schedules the work, moves data and retries failures. These modules define each worker's work.
"""
