# The operator's image. Nothing of the build is in it but the program and what it imports:
#   docker build --tag REGISTRY/trainlease:0.1.0 .
# The base must have Python 3.11, which requirements/ was resolved for, and its venv module.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# pip stays out here: it fills an environment that has none.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/trainlease
COPY requirements/build.txt requirements/operator.txt /src/requirements/
RUN /build/bin/pip install --no-cache-dir --no-deps --require-hashes \
      --requirement /src/requirements/build.txt && \
    /build/bin/pip --python /opt/trainlease/bin/python install --no-cache-dir --no-deps \
      --require-hashes --requirement /src/requirements/operator.txt
COPY pyproject.toml README.md LICENSE /src/
COPY operator /src/operator
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --no-index \
      --wheel-dir /wheels /src && \
    /build/bin/pip --python /opt/trainlease/bin/python install --no-cache-dir --no-deps \
      --no-index /wheels/*.whl

FROM ${BASE}
COPY --from=build /opt/trainlease /opt/trainlease
# A number, so that a kubelet sees that it is not root; kopf asks for a name, which nobody else has
# for it. Its root file system may be read-only.
USER 65532:65532
ENV PATH=/opt/trainlease/bin:$PATH USER=trainlease HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /
ENTRYPOINT ["trainlease"]
CMD ["operator"]
