# One static binary on an empty base.
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t lingualink .
#   docker run -p 8090:8090 -v lingualink:/data --env-file .env lingualink
# Mount a named volume or a local disk at /data; SQLite breaks on network file
# systems. A directory mounted from the host must belong to user 65532.

FROM golang:1.27 AS builder
WORKDIR /src
# Modules are their own layer: editing code does not download them again.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/lingualink .
# The base has no directories and no shell to make them with.
RUN mkdir -p /out/data /out/tmp

FROM scratch
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# Go's own copy of the time zones, for quiet hours and months.
COPY --from=builder /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
COPY --from=builder --chown=65532:65532 /out/data /data
# Large uploads are spooled here while they arrive. It is outside /data so that
# they are in no backup and go with the container; with a read-only root add
# --tmpfs /tmp:uid=65532 or set TMPDIR to a directory in the volume.
COPY --from=builder --chown=65532:65532 /out/tmp /tmp
COPY --from=builder /out/lingualink /lingualink
# The mark of payouts must outlive the container, and no restore may bring an
# older one back: PocketBase leaves backups/ alone, and does not back it up.
ENV ZONEINFO=/zoneinfo.zip TMPDIR=/tmp LL_PAYOUTS_MARK=/data/backups/payouts.json
USER 65532:65532
VOLUME /data
EXPOSE 8090
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
	CMD ["/lingualink", "health", "--url", "http://127.0.0.1:8090"]
ENTRYPOINT ["/lingualink"]
CMD ["serve", "--http=0.0.0.0:8090", "--dir=/data"]
