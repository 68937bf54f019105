package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a stranger sends is compared with a secret, or with its hash, in constant
// time: nowhere where requests are looked at does == or bytes.Equal see one. It
// would end at the first byte that differs, and that can be measured.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	secretLike := regexp.MustCompile(`(?i)reveal\(\)|hash\b|signature|\bmac\b|digest|\bsum\b|token\b|password`)
	literal := regexp.MustCompile(`"[^"]*"`)
	constant := regexp.MustCompile(`^(""|nil|\d+|'.'|len\(.*\))$`)
	files := 0
	for _, root := range []string{"../../httpapi", "../../engine/sign", "../../engine/secret"} {
		err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			files++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				return err
			}
			for n := range ast.Preorder(file) {
				var sides []ast.Expr
				switch n := n.(type) {
				case *ast.BinaryExpr:
					if n.Op == token.EQL || n.Op == token.NEQ {
						sides = []ast.Expr{n.X, n.Y}
					}
				case *ast.CallExpr:
					if called := source(t, set, n.Fun); called == "bytes.Equal" || called == "bytes.Compare" || called == "strings.Compare" || called == "strings.EqualFold" {
						sides = n.Args
					}
				}
				compared, harmless := "", false
				for _, side := range sides {
					text := source(t, set, side)
					compared += " " + text
					harmless = harmless || constant.MatchString(text)
				}
				if !harmless && secretLike.MatchString(literal.ReplaceAllString(compared, "")) {
					t.Errorf("%s: compares%s; want hmac.Equal or subtle.ConstantTimeCompare", set.Position(n.Pos()), compared)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 30 {
		t.Errorf("got %d files, want all of the API", files)
	}
}

func source(t *testing.T, set *token.FileSet, n ast.Node) string {
	t.Helper()
	var text bytes.Buffer
	if err := printer.Fprint(&text, set, n); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
