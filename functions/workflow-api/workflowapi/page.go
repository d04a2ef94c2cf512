package workflowapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

// page is the web page at the root, a client of this API like any other: one document that asks for no other than the API's
// answers, and that its policy lets do nothing else.
type page struct {
	body   []byte
	policy string
}

// thePage is the same for all. That it cannot be made is a defect that every test meets.
var thePage = sync.OnceValue(newPage)

// pageData is what the page knows of the platform's tables.
type pageData struct {
	Style     template.CSS
	Script    template.JS
	Languages []string
	Types     []string
	Settings  pageSettings
}

// pageSettings is what the page's script reads.
type pageSettings struct {
	Runs        string              `json:"runs"`         // path of the runs
	PromptLimit int                 `json:"prompt_limit"` // bytes
	Frameworks  map[string][]string `json:"frameworks"`   // of each language, the default first
	Writing     []pipeline.Stage    `json:"writing"`      // stages that write files
	Events      []string            `json:"events"`       // types of events
	Verify      pipeline.Stage      `json:"verification"` // name of the step
	Refused     fault.Code          `json:"refused"`      // of a prompt that is refused again whenever it is tried
}

func newPage() *page {
	data := pageData{
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), Languages: pipeline.Languages(), Types: pipeline.ProjectTypes(),
		Settings: pageSettings{
			Runs: runsPath, PromptLimit: pipeline.PromptLimit, Frameworks: map[string][]string{}, Writing: workflow.WritingStages(),
			Verify: pipeline.VerificationStep, Refused: fault.Refused,
			Events: []string{event.WorkflowStarted, event.WorkflowCompleted, event.WorkflowFailed, event.WorkflowCancelled},
		},
	}
	for _, language := range data.Languages {
		data.Settings.Frameworks[language] = pipeline.Frameworks(language)
	}
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		for _, what := range []string{event.Started, event.Progress, event.Completed, event.Failed} {
			data.Settings.Events = append(data.Settings.Events, event.StageType(stage, what))
		}
	}
	var body bytes.Buffer
	if err := template.Must(template.New("page").Parse(pageHTML)).Execute(&body, data); err != nil {
		panic(err)
	}
	return &page{body: body.Bytes(), policy: strings.Join([]string{
		"default-src 'none'", "script-src " + hashOf(pageScript), "style-src " + hashOf(pageStyle), "connect-src 'self'", "img-src data:",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")}
}

// hashOf names an inline script or style in a Content-Security-Policy.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (p *page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", p.policy)
	header.Set("Cache-Control", "no-cache")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(p.body) // the reader is gone when that fails
}

// orPage answers the root with the page to whoever asks for HTML, as browsers do; programs get what next answers.
func (p *page) orPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept")
		if wantsHTML(r.Header.Values("Accept")) {
			p.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wantsHTML says whether an Accept header names text/html, and no JSON that it likes as well or better. A range such as */* names
// neither.
func wantsHTML(accept []string) bool {
	var html, json float64
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		switch media {
		case "text/html":
			html = max(html, quality)
		case "application/json":
			json = max(json, quality)
		}
	}
	return html > json
}
