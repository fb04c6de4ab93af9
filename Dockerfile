# Draingate's image: a static binary, nobody's shell. image/build makes the same without a daemon.
FROM rust:1.95-slim AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY benches benches
COPY crates crates
COPY docs docs
COPY lab lab
COPY src src
# docker build --build-arg FEATURES=traces . adds OpenTelemetry.
ARG FEATURES=
RUN RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile dist --locked --bin draingate --features "$FEATURES" --target "$(rustc -vV | sed -n 's/^host: //p')" \
    && mkdir -p /out/tmp && chmod 1777 /out/tmp && cp target/*/dist/draingate /out/draingate

FROM scratch
# docker build --build-arg VERSION=... .
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="draingate" \
      org.opencontainers.image.description="Makes Kubernetes pods stop without dropping work" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/draingate/draingate" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/tmp /tmp
COPY --from=build /out/draingate /draingate
USER 65532:65532
ENTRYPOINT ["/draingate"]
