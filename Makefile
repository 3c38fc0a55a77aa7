# Everything that is done to this tree, one target each; `make help` lists them.
# Caches of Go and npm stay where the tools put them, outside the tree.

export GOTOOLCHAIN := auto
export CGO_ENABLED := 0

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFILES   = find . -name '*.go' -not -path '*/node_modules/*'
FUZZTIME ?= 20s
LINTER   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.DEFAULT_GOAL := help
.PHONY: help build run test deps check bench fuzz lint fmt clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/lingualink, one static binary
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/lingualink .

run: build ## serve on http://127.0.0.1:8090 with demo data, made on the first run
	./bin/lingualink demo --dir demo_data --http 127.0.0.1:8090

# -count=1: Go's test cache does not see the binary that e2e/ builds and drives.
test: deps check ## all tests, also those of real clients against the real binary
	go test -count=1 -timeout 25m ./...

deps: ## install what the tests need besides Go, where it is missing
	@scripts/test-deps.sh

# gofmt is called by its path because, unlike go, it does not follow GOTOOLCHAIN.
check: ## vet, formatting and go.mod
	go vet ./...
	@unformatted=$$($(GOFILES) -exec "$$(go env GOROOT)/bin/gofmt" -l {} +); \
	if [ -n "$$unformatted" ]; then echo "Not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	go mod tidy -diff

bench: ## throughput of the real binary, then the benchmarks of the packages
	go run ./e2e/bench
	go test -run '^$$' -bench . -benchmem ./internal/... ./hooks/live ./hooks/notifications

fuzz: ## run every fuzz target for FUZZTIME (20s)
	@set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

lint: ## golangci-lint with .golangci.yml
	go run $(LINTER) run

fmt: ## format all Go files
	@$(GOFILES) -exec "$$(go env GOROOT)/bin/gofmt" -l -w {} +

clean: ## remove what was built and the demo data
	rm -rf bin demo_data
