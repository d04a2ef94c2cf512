package lint

import (
	"path"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// checkScriptModules follows relative imports of JavaScript and TypeScript. A file of another kind (a style sheet, JSON)
// may be there without having been sent.
func (p *project) checkScriptModules(files []*syntax.File) {
	there := map[string]bool{}
	for _, f := range files {
		there[f.Path] = true
	}
	extensions := []string{".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts"}
	for _, f := range files {
		if p.ctx.Err() != nil {
			return
		}
		for _, i := range f.Imports {
			if !strings.HasPrefix(i.Path, "./") && !strings.HasPrefix(i.Path, "../") {
				continue
			}
			target := path.Join(path.Dir(f.Path), i.Path)
			ext := path.Ext(target)
			if isAsset(ext) || strings.HasSuffix(i.Path, "/") || strings.HasSuffix(i.Path, "..") { // a folder has its entry in package.json
				continue
			}
			candidates := []string{target}
			for _, e := range extensions {
				candidates = append(candidates, target+e, target+"/index"+e)
				if strings.HasSuffix(ext, "js") || strings.HasSuffix(ext, "jsx") { // TypeScript imports ./x.js and means ./x.ts
					candidates = append(candidates, strings.TrimSuffix(target, ext)+e)
				}
			}
			if !slices.ContainsFunc(candidates, func(c string) bool { return there[c] }) {
				p.report(missingModule, f.Path, i.Line, 0, "%s is imported, but there is no such file", i.Path)
			}
		}
	}
}

// isAsset says whether an extension is that of a file that is no script; ./user.service is a script without one.
func isAsset(ext string) bool {
	switch ext {
	case ".css", ".scss", ".sass", ".less", ".json", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".html", ".txt", ".md", ".sql",
		".graphql", ".gql", ".wasm", ".node", ".vue", ".svelte", ".yaml", ".yml":
		return true
	}
	return false
}

// checkPythonModules follows relative imports, and absolute ones whose first part is a package or module of the project.
func (p *project) checkPythonModules(files []*syntax.File) {
	there := map[string]bool{} // modules and packages, with dots
	roots := map[string]bool{}
	for _, f := range files {
		there[f.Package] = true
		for pkg := f.Package; strings.Contains(pkg, "."); {
			pkg = pkg[:strings.LastIndexByte(pkg, '.')]
			there[pkg] = true
		}
		root, _, isPackage := strings.Cut(f.Package, ".")
		if isPackage || strings.HasSuffix(f.Path, "/__init__.py") {
			roots[root] = true
		}
	}
	for _, f := range files {
		if p.ctx.Err() != nil {
			return
		}
		for _, i := range f.Imports {
			module := i.Path
			if strings.HasPrefix(module, ".") {
				module = absolutePython(f, module)
			} else if root, _, _ := strings.Cut(module, "."); !roots[root] {
				continue
			}
			// The last part may be a name inside the module.
			parent := module
			if dot := strings.LastIndexByte(module, '.'); dot >= 0 {
				parent = module[:dot]
			}
			if module != "" && !there[module] && !there[parent] {
				p.report(missingModule, f.Path, i.Line, 0, "%s is imported, but the project has no module %s", i.Path, parent)
			}
		}
	}
}

// absolutePython turns a relative import into the module that it names.
func absolutePython(f *syntax.File, relative string) string {
	pkg := f.Package
	if path.Base(f.Path) != "__init__.py" {
		pkg = pkg[:max(0, strings.LastIndexByte(pkg, '.'))]
	}
	name := strings.TrimLeft(relative, ".")
	for range len(relative) - len(name) - 1 {
		pkg = pkg[:max(0, strings.LastIndexByte(pkg, '.'))]
	}
	switch {
	case pkg == "":
		return name
	case name == "":
		return pkg
	}
	return pkg + "." + name
}

// checkRustModules looks for the file of every `mod name;`.
func (p *project) checkRustModules(files []*syntax.File) {
	there := map[string]bool{}
	for _, f := range files {
		there[f.Path] = true
	}
	for _, f := range files {
		dir := path.Dir(f.Path)
		switch base := path.Base(f.Path); base {
		case "main.rs", "lib.rs", "mod.rs":
		default:
			if path.Base(dir) != "tests" && path.Base(dir) != "bin" { // each of those is a crate's root
				dir = path.Join(dir, strings.TrimSuffix(base, ".rs"))
			}
		}
		for n := range f.Tree.Root().Children() {
			name := n.Child("name").Text()
			if !n.Is("mod_item") || n.Child("body") != nil || n.Previous().Is("attribute_item") && strings.Contains(n.Previous().Text(), "path") {
				continue
			}
			if !there[path.Join(dir, name+".rs")] && !there[path.Join(dir, name, "mod.rs")] {
				p.report(missingModule, f.Path, n.Line, n.Column, "mod %s has no file %s or %s", name, path.Join(dir, name+".rs"), path.Join(dir, name, "mod.rs"))
			}
		}
	}
}
