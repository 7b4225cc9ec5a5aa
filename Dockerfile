# The server of `plumbline collect`, built from a checkout: docker build --tag plumbline-rlhf:local .
# Python and Debian are those that the tests run on. How it is deployed: docs/how-to/deploy.md.

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /checkout
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
RUN python -m pip wheel --no-deps --wheel-dir /wheels .
RUN python -m venv /opt/plumbline \
 && /opt/plumbline/bin/python -m pip install --no-cache-dir --constraint constraints.txt \
    "$(echo /wheels/plumbline_rlhf-*.whl)[collect,postgres,sources,oidc]"

FROM python:3.11-slim-bookworm
COPY --from=wheel /opt/plumbline /opt/plumbline
RUN groupadd --gid 10001 plumbline \
 && useradd --uid 10001 --gid plumbline --no-create-home --home-dir /tmp --shell /usr/sbin/nologin plumbline \
 && install --directory --owner plumbline --group plumbline /studies /backups
# Nothing outside /studies, /backups and /tmp is written: the rest may be read-only.
ENV PATH=/opt/plumbline/bin:$PATH \
    PLUMBLINE_CACHE=/tmp/plumbline-cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /studies
VOLUME ["/studies", "/backups"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# By http.client, which asks no proxy that the environment may name.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "from http.client import HTTPConnection; c = HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/api/v1/health'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["plumbline"]
CMD ["collect", "--help"]
