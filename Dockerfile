# Two stages: the toolchain stays behind. The image runs as an ordinary user,
# and needs to write in /var/lib/bauta and /run/bauta only.
FROM rust:1-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libclang-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Without symbols it is a fifth as large.
RUN cargo build --release --locked --bin bauta && strip --strip-unneeded target/release/bauta

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/bauta bauta \
    && install -d -o bauta -g bauta /run/bauta /etc/bauta-keys
COPY --from=build /src/target/release/bauta /usr/local/bin/bauta
USER 10001
# State and audit log: keep it on a volume.
WORKDIR /var/lib/bauta
VOLUME /var/lib/bauta
EXPOSE 6432
ENTRYPOINT ["bauta"]
CMD ["serve", "-c", "/etc/bauta/proxy.toml"]
