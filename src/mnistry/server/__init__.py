"""The HTTP API that reads pictures.

`app`
    The routes, and the application that the studio adds its pages to.
`schemas`
    The types of requests and answers.
`errors`
    Errors as HTTP statuses and JSON.
`guard`
    Access: Host, Origin, token, and the security headers.
`bodies`
    Limits on request bodies.
`work`
    The queue of computations.
`serve`
    The socket and the server loop.

Never imports Keras, JAX or matplotlib.
"""
