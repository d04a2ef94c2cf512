package parser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/sync/errgroup"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax/lint"
)

// Analyse reads the files and applies the checks. The report is in the order of paths and lines.
func (p *Parser) Analyse(ctx context.Context, req analysis.Request) (analysis.Report, error) {
	if _, err := syntax.ParseLanguage(req.Language); err != nil {
		return analysis.Report{}, fault.New(fault.Unprocessable, "%w", err)
	}
	if len(req.Files) == 0 {
		return analysis.Report{}, fault.New(fault.Unprocessable, "there are no files to read")
	}
	paths := map[string]bool{}
	for _, f := range req.Files {
		if err := pipeline.CheckPath(f.Path); err != nil {
			return analysis.Report{}, fault.New(fault.Unprocessable, "%w", err)
		}
		if paths[f.Path] {
			return analysis.Report{}, fault.New(fault.Unprocessable, "%s is there twice", f.Path)
		}
		paths[f.Path] = true
	}
	// In the order of paths, so that which of two declarations is the second does not depend on the caller.
	req.Files = slices.SortedFunc(slices.Values(req.Files), func(a, b pipeline.File) int { return strings.Compare(a.Path, b.Path) })
	files, issues := make([]*syntax.File, len(req.Files)), make([][]pipeline.Issue, len(req.Files))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, f := range req.Files {
		group.Go(func() (err error) {
			files[i], issues[i], err = p.file(groupCtx, req, f)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return analysis.Report{}, err
	}
	return report(ctx, req, files, slices.Concat(issues...))
}

// notAnalysed is the rule of a file that is over a limit: its issues are not known.
const notAnalysed = "not-analysed"

// file reads one file. A file in no known language is no source code: it is only looked at for secrets. One that is over
// a limit, of size or time, is an issue and not the end of the analysis.
func (p *Parser) file(ctx context.Context, req analysis.Request, f pipeline.File) (*syntax.File, []pipeline.Issue, error) {
	lang, known := syntax.LanguageOf(f.Path)
	if !known {
		if slices.Contains(req.Checks, analysis.Security) {
			return nil, lint.Text(f.Path, f.Content), nil
		}
		return nil, nil, nil
	}
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return nil, nil, err
	}
	defer p.slots.Release(1)
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	file, issues, err := p.examine(limited, req, lang, f)
	if syntax.IsLimit(err) || err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, []pipeline.Issue{{
			File: f.Path, Rule: notAnalysed, Severity: analysis.SeverityError,
			Message: fmt.Sprintf("the file is not analysed: %v", err), Advice: "Split the file.",
		}}, nil
	}
	return file, issues, err
}

func (p *Parser) examine(ctx context.Context, req analysis.Request, lang syntax.Language, f pipeline.File) (*syntax.File, []pipeline.Issue, error) {
	file, err := p.readings.read(ctx, lang, f)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", f.Path, err)
	}
	var issues []pipeline.Issue
	if slices.Contains(req.Checks, analysis.Syntax) {
		issues = append(issues, file.Errors...)
	}
	found, err := lint.File(ctx, file, req.Checks...)
	if err != nil {
		return nil, nil, err
	}
	issues = append(issues, found...)
	for _, c := range req.Contract {
		if c.Path == f.Path {
			issues = append(issues, syntax.CompareContract(c, file)...)
		}
	}
	return file, issues, nil
}

// report puts together what was found, and what only the files together show.
func report(ctx context.Context, req analysis.Request, files []*syntax.File, issues []pipeline.Issue) (analysis.Report, error) {
	out := analysis.Report{Issues: []pipeline.Issue{}, Files: []analysis.File{}}
	var sources []*syntax.File
	module, whole := req.Module, true
	for i, f := range files {
		if f != nil {
			sources = append(sources, f)
			out.Files = append(out.Files, f.File)
			continue
		}
		if _, isSource := syntax.LanguageOf(req.Files[i].Path); isSource {
			whole = false
		}
		out.Files = append(out.Files, analysis.File{Path: req.Files[i].Path, Lines: lines(req.Files[i].Content)})
		if req.Files[i].Path == "go.mod" {
			module = modfile.ModulePath([]byte(req.Files[i].Content))
		}
	}
	// What a file that could not be read declares would be missing to the others.
	if slices.Contains(req.Checks, analysis.Semantic) && whole {
		found, err := lint.Project(ctx, sources, module)
		if err != nil {
			return out, err
		}
		issues = append(issues, found...)
	}
	if slices.Contains(req.Checks, analysis.Performance) {
		out.Hotspots = lint.Hotspots(sources, issues)
	}
	out.Issues = append(out.Issues, syntax.SortIssues(issues)...)
	return out, nil
}

// lines counts a text's lines, the last one too when no newline ends it.
func lines(text string) int {
	n := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		n++
	}
	return n
}
