# The native binary. What `images="stackctl"` runs every monitoring part as:
#
#     docker build -t stackctl:local .
#
# Nothing is fetched but the two base images and the crates that Cargo.lock names by checksum.
FROM rust:1.90.0-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin stackctl

FROM debian:bookworm-slim
# A shell is wanted: compose's entry points read secrets with it, and its health checks use bash.
COPY --from=build /src/target/release/stackctl /usr/local/bin/stackctl
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# 65534 is the user of the reference images, so that volumes can change hands.
RUN install -d -o 65534 -g 65534 /prometheus /alertmanager /pushgateway /var/lib/grafana
USER 65534:65534
EXPOSE 3000 9090 9091 9093 9100 9104
ENTRYPOINT ["/usr/local/bin/stackctl"]
CMD ["--help"]
