package syntax

import (
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// The rules of CompareContract.
const (
	ContractMissing = "contract-missing" // an export of the contract is not there
	ContractDiffers = "contract-differs" // it is there with another signature
	ContractExtra   = "contract-extra"   // an export that the contract does not name
	ContractPackage = "contract-package" // the file belongs to another package
)

// CompareContract says where a file does not keep its contract. What is missing or differs is an error, what is there in
// excess a warning. Go signatures are compared by their types; in other languages the names count alone.
func CompareContract(contract pipeline.ContractFile, f *File) []pipeline.Issue {
	var issues []pipeline.Issue
	add := func(line int, rule, severity, format string, args ...any) {
		issues = append(issues, pipeline.Issue{File: f.Path, Line: line, Rule: rule, Severity: severity, Message: fmt.Sprintf(format, args...)})
	}
	if Language(f.Language) == Go && contract.Package != "" && f.Package != contract.Package {
		add(1, ContractPackage, analysis.SeverityError, "the file is package %s, the contract says package %s", f.Package, contract.Package)
	}
	found := map[string]analysis.Symbol{}
	for _, s := range f.Exports {
		found[s.Qualified()] = s
	}
	asked := map[string]bool{}
	for _, want := range contract.Exports {
		asked[want.Name] = true
		have, ok := found[want.Name]
		if !ok {
			if line, wrong, member := goMember(found, want, f.Package); member {
				if wrong != "" {
					add(line, ContractDiffers, analysis.SeverityError, "%s: %s", want.Name, wrong)
				}
				continue
			}
			if f.SyntaxErrors > len(f.Errors) {
				continue // it may stand where the grammar cannot read
			}
			add(0, ContractMissing, analysis.SeverityError, "%s is not exported; the contract asks for %s", want.Name, wanted(want))
			continue
		}
		if Language(f.Language) != Go || strings.TrimSpace(want.Signature) == "" {
			continue
		}
		if wrong := CompareGo(want.Signature, have.Signature, f.Package); wrong != "" {
			add(have.Line, ContractDiffers, analysis.SeverityError, "%s: %s; the contract asks for %s", want.Name, wrong, wanted(want))
		}
	}
	if Language(f.Language) == Go && f.Package == "main" {
		return issues // nothing can import it, so what it exports in excess is nobody's concern
	}
	for _, s := range f.Exports {
		if !asked[s.Qualified()] && !expectedAnyway(s) {
			add(s.Line, ContractExtra, analysis.SeverityWarning, "%s is exported, but the contract does not name it", s.Qualified())
		}
	}
	return issues
}

func wanted(e pipeline.ContractExport) string {
	if e.Signature == "" {
		return e.Name
	}
	return OneLine(e.Signature)
}

// interfaceMethods are methods that a type has for the sake of a well-known interface rather than for its callers.
var interfaceMethods = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "As": true, "String": true, "GoString": true, "Format": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true, "UnmarshalText": true, "Scan": true, "Value": true,
	"ServeHTTP": true, "Len": true, "Less": true, "Swap": true, "LogValue": true,
	"constructor": true, "toString": true, "toJSON": true, "__init__": true, "equals": true, "hashCode": true,
}

// expectedAnyway says whether a contract need not name a symbol.
func expectedAnyway(s analysis.Symbol) bool {
	return s.Receiver != "" && (interfaceMethods[s.Name] || s.Name == s.Receiver) // the second: a Java constructor
}
