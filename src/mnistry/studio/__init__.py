"""The studio: web pages to draw, read, explain and train, and routes that they add to the server's.

`app`
    The routes, and the studio's shutdown.
`schemas`
    The types of requests and answers.
`api`
    An application with typed routes, behind the server's guard.
`network`, `gallery`, `archive`
    The network in use, a dataset to browse, and the runs.
`training`, `worker`
    One training at a time in a process of its own: the server's side, and the process.
`review`
    The page on which a batch of forms is reviewed or audited, an application of its own.

The pages are in ``static/``. Serving never imports Keras, JAX or matplotlib.
"""
