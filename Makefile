# What can be done with this repository. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 1m
COUNT ?= 1
BENCHFLAGS ?=
TORTUREFLAGS ?=

# Run by version, so that no tool enters go.mod.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/hookwheel: static, stripped of paths, version from git
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/hookwheel ./cmd/hookwheel

.PHONY: demo
demo: build ## see it work: events, failing receivers, a restart, nothing missing
	bin/hookwheel demo

.PHONY: test
test: ## every test, under the race detector, in random order
	go test -race -shuffle=on -timeout 40m ./...

.PHONY: test-short
test-short: ## the tests that take seconds, without the race detector
	go test -short ./...

.PHONY: test-clients
test-clients: build ## the server against the libraries of its users: Go, and Node with npm
	cd testdata/clients/go && go vet . && go test -shuffle=on -count=1 .
	cd testdata/clients/node && npm ci --no-audit --no-fund && npm test

.PHONY: check
check: ## format, vet, staticcheck, golangci-lint, go.mod tidy
	@files=$$(gofmt -s -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then echo "not gofmt'd:"; echo "$$files"; exit 1; fi
	go vet ./...
	go mod tidy -diff
	go run $(STATICCHECK) ./...
	go run $(GOLANGCI) run ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (1m) each, until one finds something
	@packages=$$(go list ./...); for package in $$packages; do \
		targets=$$(go test -list '^Fuzz' $$package); \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "== $$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || \
				{ echo "$$target failed. If it wrote an input to testdata/fuzz, commit that with the repair."; exit 1; }; \
		done; \
	done

.PHONY: bench
bench: build ## the figures that matter against a bare client, as a table; BENCHFLAGS=--json
	bin/hookwheel bench $(BENCHFLAGS)

.PHONY: bench-full
bench-full: build ## also the scenarios that take minutes: growth, isolation, backlog, catch-up
	bin/hookwheel bench --long $(BENCHFLAGS)

.PHONY: bench-go
bench-go: ## Go benchmarks of the hot pieces, COUNT (1) times
	go test -run '^$$' -bench . -benchmem -count $(COUNT) ./...

.PHONY: torture
torture: build ## every fault, as long as a release deserves; TORTUREFLAGS="--scenario kill --seed 1"
	bin/hookwheel torture --long $(TORTUREFLAGS)

.PHONY: powercuts
powercuts: ## 10,000 simulated power cuts of the log and of the engine, at random operations
	go test ./wal -run '^TestCrash$$' -seeds 10000 -timeout 4h
	go test ./engine -run '^TestPowerCuts$$' -seeds 10000 -timeout 4h
	go test ./engine -run '^TestPowerCutsAmidCommands$$' -seeds 1000 -timeout 4h

.PHONY: golden
golden: ## rewrite the expected output of the golden-file tests; read the diff before committing
	@packages=$$(grep -rl --include='*_test.go' 'flag\.Bool("update"' . | xargs -r -n1 dirname | sort -u); \
	if [ -z "$$packages" ]; then echo "no test defines the flag -update"; exit 1; fi; \
	go test $$packages -update

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
	go clean -testcache
