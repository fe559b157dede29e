"""The studio: a web page that draws, reads, explains and trains, and the HTTP API behind it.

`server`
    Runs it: the socket, and the limits on slow connections.
`app`
    The routes; `schemas`, the types of what they take and give; `docs`, a page that lists them.
`guard`, `bodies`, `work`
    Who may ask, how much and how slowly, and how many at once.
`network`, `gallery`, `archive`
    The network in use, a dataset to browse, and the runs.
`training`, `worker`
    One training at a time, in a process of its own: its server side, and that process.

Serving never imports Keras, JAX or matplotlib.
"""
