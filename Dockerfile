# syntax=docker/dockerfile:1

FROM rust:1.95.0-bookworm AS build
WORKDIR /source
COPY . .
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    scripts/build /image/usr/local/bin

# No PostgreSQL in here: in a container the database is another container.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin countersign \
 && install -d -o countersign -g countersign -m 0700 /data /keys
COPY --from=build /image /

# Volumes that are empty take over the owner and mode of these folders.
ENV COUNTERSIGN_DATA_DIR=/data \
    COUNTERSIGN_MASTER_KEY_FILE=/keys/master.key \
    COUNTERSIGN_LISTEN=0.0.0.0:8080
WORKDIR /data
USER 10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["countersign"]
CMD ["serve"]
