# The commands of a working day. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go

.PHONY: help run test e2e race test-deps lint generate verify deploy bench

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Keep the platform running on 127.0.0.1:8080
	$(GO) run ./cmd/ql up

test: test-deps ## Install what the tests need, then run them all
	$(GO) test ./...

e2e: ## Deploy to the cluster of KUBECONFIG, which has nothing else to do, and try the whole platform there
	QL_E2E=1 $(GO) test -count=1 -timeout 60m -v ./test/e2e

race: test-deps ## The tests of what shares memory between goroutines, under the race detector
	$(GO) test -race ./functions/agent-orchestrator/... ./functions/llm-router/llmrouter/cache/... ./functions/parser/... ./shared/ask ./shared/nats/... ./shared/runner

test-deps: ## Install what the tests use: PostgreSQL, Redis, an S3 server, Chromium, runsc
	@scripts/test-deps

lint: ## golangci-lint, pinned in tools/go.mod, with the import rules
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...

generate: ## Write again what is generated: docs/api, config
	$(GO) run ./docs/api/generate
	$(GO) run ./config/generate

verify: ## What is checked in is what would be generated, formatted and vetted
	@test -z "$$(gofmt -l cmd config docs functions scripts shared test worker)" || { echo "run gofmt -w on:"; gofmt -l cmd config docs functions scripts shared test worker; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) run ./docs/api/generate -check
	$(GO) run ./config/generate -check
	cd config/check && $(GO) vet . && $(GO) run . && $(GO) test -count=1 . # the cache does not see the manifests, outside its module

deploy: ## Build the images with ko and deploy them to the cluster of kubectl's context (docs/operations/deploy.md); OVERLAY=FOLDER: of that
	$(GO) run ./config/generate # config/quantumlayer.yaml is what is deployed, not the folders that it is made of
	$(if $(OVERLAY),kubectl kustomize --load-restrictor LoadRestrictionsNone $(OVERLAY) | ko apply $(KO_FLAGS) -f -,ko apply $(KO_FLAGS) -f config/)

bench: ## The benchmarks behind the README's figures
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./test/bench
