package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hookwheel/hookwheel/"

// The layers, from the bottom. A package may import what is in a layer below
// its own, and within a layer what stands under allowed. So data flows one way
// and every package can be understood from the bottom up.
var layers = [][]string{
	{"engine/codec", "engine/json", "engine/wheel", "engine/retry", "engine/secret", "engine/egress", "engine/egress/dnstest", "bench/disk", "bench/measure", "bench/payload", "bench/proof"},
	{"engine/event", "engine/sign", "engine/bridge", "engine/bridge/bridgetest", "bench/sink", "bench/load", "bench/process", "bench/scenario", "bench/torture"},
	{"engine/delivery", "engine/endpoint"},
	{"wal/kv/kvtest"},
	{"wal/kv"},
	{"wal", "wal/waltest"},
	{"engine/ledger"},
	{"engine", "httpapi/auth", "httpapi/wire", "httpapi/ops", "httpapi/native", "httpapi/connector", "httpapi/destination", "httpapi/orghook", "httpapi/subscription", "httpapi/webhook", "httpapi/openapi"},
	{"httpapi", "httpapi/apitest"},
	{"cmd/internal/archive", "cmd/internal/server", "cmd/internal/demo", "cmd/internal/command", "cmd/hookwheel", "bench"},
}

// Edges within a layer.
var allowed = []string{
	"bench/scenario → bench/load", "bench/scenario → bench/sink", "bench/scenario → bench/process", "bench/torture → bench/process",
	"wal/waltest → wal",
	"httpapi/wire → httpapi/auth", "httpapi/ops → httpapi/wire",
	"httpapi/openapi → httpapi/wire",
	"httpapi/native → httpapi/auth", "httpapi/native → httpapi/wire",
	"httpapi/connector → httpapi/wire",
	"httpapi/destination → httpapi/auth", "httpapi/destination → httpapi/wire",
	"httpapi/orghook → httpapi/auth", "httpapi/orghook → httpapi/wire",
	"httpapi/subscription → httpapi/auth", "httpapi/subscription → httpapi/wire",
	"httpapi/webhook → httpapi/auth", "httpapi/webhook → httpapi/wire",
	"httpapi/apitest → httpapi",
	"cmd/internal/demo → cmd/internal/server",
	"cmd/internal/command → cmd/internal/archive", "cmd/internal/command → cmd/internal/server", "cmd/internal/command → cmd/internal/demo",
	"cmd/hookwheel → cmd/internal/command",
}

// Some libraries have one door, or a few.
var doors = map[string][]string{
	"github.com/cockroachdb/pebble/v2":      {"wal/kv", "wal/kv/kvtest"},
	"github.com/goccy/go-json":              {"engine/json"},
	"github.com/aws":                        {"engine/bridge", "engine/bridge/bridgetest"},
	"github.com/VictoriaMetrics/metrics":    {"engine", "httpapi", "httpapi/ops"},
	"github.com/golang-jwt/jwt/v5":          {"httpapi/auth"},
	"github.com/urfave/cli/v2":              {"cmd/internal/command"},
	"github.com/schollz/progressbar/v3":     {"cmd/internal/command", "cmd/internal/demo"},
	"github.com/prometheus/client_model/go": {"wal/kv"},
}

// The proof must not share code with what it proves.
var forbidden = map[string][]string{
	"bench/load": {"engine", "wal", "httpapi"}, "bench/sink": {"engine", "wal", "httpapi"},
	"bench/scenario": {"engine", "wal", "httpapi"}, "bench/measure": {"engine", "wal", "httpapi"},
	"bench/disk": {"engine", "wal", "httpapi"}, "bench/payload": {"engine", "wal", "httpapi"}, "bench/process": {"engine", "wal", "httpapi"},
	"bench/proof": {"engine", "wal", "httpapi", "bench"}, "bench/torture": {"engine", "wal", "httpapi"},
}

func TestStructure(t *testing.T) {
	imports := readImports(t, "../..")
	rank := map[string]int{}
	for i, layer := range layers {
		for _, pkg := range layer {
			rank[pkg] = i
			if imports[pkg] == nil {
				t.Errorf("package %s stands in the layers, but there is none", pkg)
			}
		}
	}
	for pkg, list := range imports {
		if _, known := rank[pkg]; !known {
			t.Errorf("package %s stands in no layer", pkg)
			continue
		}
		for _, imported := range list {
			checkImport(t, rank, pkg, imported)
		}
	}
}

func checkImport(t *testing.T, rank map[string]int, pkg, imported string) {
	t.Helper()
	for library, importers := range doors {
		if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(importers, pkg) {
			t.Errorf("%s imports %s, which only %v may", pkg, imported, importers)
		}
	}
	own, ok := strings.CutPrefix(imported, module)
	if !ok {
		return
	}
	for _, ban := range forbidden[pkg] {
		if own == ban || strings.HasPrefix(own, ban+"/") {
			t.Errorf("%s imports %s, which it must not", pkg, own)
		}
	}
	if rank[own] > rank[pkg] || rank[own] == rank[pkg] && !slices.Contains(allowed, pkg+" → "+own) {
		t.Errorf("%s imports %s, which is not below it", pkg, own)
	}
}

// readImports parses every package and returns what its files, tests left out,
// import. A package without a comment that says what it is for is a fault.
func readImports(t *testing.T, root string) map[string][]string {
	t.Helper()
	imports, documented := map[string][]string{}, map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		documented[pkg] = documented[pkg] || file.Doc != nil
		imports[pkg] = append(imports[pkg], "") // a package that imports nothing is one too
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[pkg] = append(imports[pkg], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range imports {
		if !documented[pkg] {
			t.Errorf("package %s has no comment that says what it is for", pkg)
		}
	}
	return imports
}
