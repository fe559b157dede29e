"""The HTTP API that reads pictures.

`main`
    The server that ``mnistry serve`` runs: one process that answers clients, and its workers.
`app`
    The routes, to which the studio adds its own.
`batches`
    All pages of all pictures of a request.
`uploads`
    The pictures in a request's body.
`tasks`, `answers`, `form_answers`
    A page to be read, and its answer; how it is computed.
`workers`, `worker`, `in_process`, `work`
    Where it is computed: in other processes, or in threads of this one.
`errors`
    Errors as HTTP statuses and JSON.
`openapi`, `docs`
    The description of the routes, and a page of it that runs them.
`observe`
    Counts for Prometheus, and the access log.
`guard`
    Access: Host, Origin, token, and the security headers.
`bodies`
    Limits on request bodies.
`serve`
    The socket and the server loop.

Never imports Keras, JAX or matplotlib.
"""
