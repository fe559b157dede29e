# mnistry serve: the reading half and the HTTP API, without Keras and JAX; docs/howto/serve.md.
FROM python:3.13-slim AS packages
COPY requirements/container/serve.txt /
RUN pip install --no-cache-dir --require-hashes --target /packages --requirement serve.txt
COPY src/mnistry /packages/mnistry
# Without the packages' tests, and ONNX Runtime's library for C: the one for Python has all of it.
RUN find /packages -type d -name tests -prune -exec rm -r {} + \
    && rm /packages/onnxruntime/capi/libonnxruntime.so.* \
    && python -m compileall -q -j 0 /packages

FROM python:3.13-slim
COPY --from=packages /packages /packages
ENV PYTHONPATH=/packages PYTHONDONTWRITEBYTECODE=1
USER 65534:65534
WORKDIR /tmp
EXPOSE 8000
# Without a shell in between, SIGTERM reaches the server, which answers what it has accepted.
ENTRYPOINT ["python", "-P", "-m", "mnistry", "serve", "--host", "0.0.0.0"]
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz')"]
