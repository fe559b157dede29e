"""The studio: web pages that draw, read, explain and train, and their routes beside the server's.

`app`
    The routes, and the studio's shutdown.
`schemas`
    The types of requests and answers.
`docs`
    A page that lists the API.
`network`, `gallery`, `archive`
    The network in use, a dataset to browse, and the runs.
`training`, `worker`
    One training at a time, in a process of its own: the server's side of it, and that process.

The pages are in ``static/``. Serving never imports Keras, JAX or matplotlib.
"""
