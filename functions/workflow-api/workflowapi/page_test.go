package workflowapi_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// TestRootAnswersWhatIsAsked: who asks for HTML gets the page, a program JSON as ever.
func TestRootAnswersWhatIsAsked(t *testing.T) {
	t.Parallel()
	_, base, _ := serve(t)
	const html, json = "text/html; charset=utf-8", "application/json"
	for accept, want := range map[string]string{
		"":                 json,
		"*/*":              json,
		"application/json": json,
		"text/*":           json,
		"text/html;q=0":    json,
		"text/html":        html,
		"text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8": html,
		"application/json, text/html;q=0.5":                                  json,
		"application/json;q=0.5, text/html":                                  html,
		"text/html, application/json":                                        json,
		"text/html;q=much":                                                   json,
		";;, text/html":                                                      html,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequestWithContext(t.Context(), method, base+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if accept != "" {
				req.Header.Set("Accept", accept)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != want || resp.Header.Get("Vary") != "Accept" {
				t.Errorf("%s with Accept %q: %s, %s, Vary %q, want %s", method, accept, resp.Status, got, resp.Header.Get("Vary"), want)
			}
			policy := resp.Header.Get("Content-Security-Policy")
			if strict := strings.HasPrefix(policy, "default-src 'none'; script-src 'sha256-") && !strings.Contains(policy, "unsafe"); strict != (want == html) {
				t.Errorf("%s with Accept %q: Content-Security-Policy %q", method, accept, policy)
			}
		}
	}
	if status, _, _ := ask(t, http.MethodPost, base+"/"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST answers %d", status)
	}
}

// TestPage drives the page in a real browser, each part in a tab of its own.
func TestPage(t *testing.T) {
	t.Parallel()
	options := chromedp.DefaultExecAllocatorOptions[:]
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() { closeBrowser(); stop() })
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("no browser: %v; make test-deps installs Chromium", err)
	}
	for name, test := range map[string]func(*testing.T, *tab){
		"from the prompt to the capsule": pageGenerates,
		"what comes from outside":        pageEscapes,
		"a run that fails":               pageFails,
		"a run that left something out":  pageTellsTheUnused,
		"a refused prompt":               pageRefused,
		"cancel and try again":           pageSteers,
		"prompts that cannot be sent":    pageComplains,
		"recent runs":                    pageLists,
		"a run that is none":             pageMisses,
		"a platform that goes away":      pageWaits,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, openTab(t, browser))
		})
	}
}

// tab is a browser's tab on the page of a platform.
type tab struct {
	ctx  context.Context
	base string

	mu    sync.Mutex
	wrong []string // scripts that failed, and what the policy kept from happening
}

// openTab opens the page. At the end of the test nothing may have gone wrong in it.
func openTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	_, base, _ := serve(t)
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	b := &tab{ctx: ctx, base: base}
	if err := chromedp.Do(ctx); err != nil { // opens the tab, whose life is that of this context
		t.Fatal(err)
	}
	b.do(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		return err
	}))
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate(base))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.wrong) > 0 {
			t.Errorf("went wrong in the page: %q", b.wrong)
		}
	})
	return b
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, fmt.Sprintf("%s: %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork { // answers that are errors are expected
			b.wrong = append(b.wrong, e.Entry.Text)
		}
	}
}

func (b *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func js[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// sees waits until the element that a selector finds can be seen and has the text.
func (b *tab) sees(t *testing.T, selector, text string) {
	t.Helper()
	expression := fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.textContent.includes(%q))`, selector, text)
	for deadline := time.Now().Add(patience); !js[bool](t, b, expression); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s with %q; the page says:\n%s", selector, text, js[string](t, b, `document.body.innerText`))
		}
	}
}

// hides says that no such element can be seen.
func (b *tab) hides(t *testing.T, selector string) {
	t.Helper()
	if js[bool](t, b, fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.checkVisibility())`, selector)) {
		t.Errorf("%s can be seen", selector)
	}
}

// submit writes a prompt into the form and sends it; it gives the ID of the run that starts.
func (b *tab) submit(t *testing.T, prompt string, script *generationtest.Script) string {
	t.Helper()
	b.do(t, chromedp.SetValue(chromedp.CSS("#prompt"), prompt), chromedp.Click(chromedp.CSS("#start")))
	b.sees(t, "#asked-how", "run-")
	id := strings.TrimPrefix(js[string](t, b, `location.hash`), "#")
	platform.Play(id, script)
	return id
}

// fits says that the page is not wider than the screen, also of a small phone, and that a screen reader can name what can be used.
func (b *tab) fits(t *testing.T) {
	t.Helper()
	for _, width := range []int64{320, 1280} {
		b.do(t, chromedp.EmulateViewport(width, 700))
		if wide := js[int](t, b, `document.documentElement.scrollWidth`); wide > int(width) {
			t.Errorf("the page is %d pixels wide on a screen of %d", wide, width)
		}
	}
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil || !slices.Contains([]string{`"button"`, `"link"`, `"textbox"`, `"combobox"`}, string(node.Role.Value)) {
			continue
		}
		if node.Name == nil || string(node.Name.Value) == `""` {
			t.Errorf("a %s has no name", node.Role.Value)
		}
		named++
	}
	if named < 2 {
		t.Errorf("%d things can be used", named)
	}
}

func pageGenerates(t *testing.T, b *tab) {
	for selector, want := range map[string][]string{"#language": pipeline.Languages(), "#type": pipeline.ProjectTypes(), "#framework": pipeline.Frameworks(pipeline.Languages()[0])} {
		if got := js[[]string](t, b, fmt.Sprintf(`[...document.querySelector(%q).options].map((o) => o.value)`, selector)); !slices.Equal(got, want) {
			t.Errorf("%s offers %q, want %q", selector, got, want)
		}
	}
	b.fits(t)
	b.do(t, chromedp.SetValue(chromedp.CSS("#type"), "library"))
	id := b.submit(t, "A library that greets.", &generationtest.Script{})
	b.sees(t, "#headline", "Verified: the project builds, and 2 tests pass.")
	b.sees(t, "#asked-how", "go, stdlib, library, "+id)
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		b.sees(t, "#stages li", string(stage)+": completed")
	}
	b.sees(t, "#facts", "Testspassed (2 passed, 0 failed, 0 skipped)")
	b.sees(t, "#facts", "Modelscript-1")
	b.sees(t, "#facts", "tokens in")
	b.sees(t, "#unchecked li", "business logic")
	b.hides(t, "#cancel")
	b.hides(t, "#retry")

	b.sees(t, "#files-note", "5 files")
	b.do(t, chromedp.Click(chromedp.CSS(`#files a[href$="part0/part.go"]`)))
	b.sees(t, "#content", "func Greet(name string) string")
	b.sees(t, "#file-title", "part0/part.go")
	b.fits(t)
	b.do(t, chromedp.Navigate(b.base+"/#"+id+"/go.mod"), chromedp.Reload()) // the address of a file can be sent to others
	b.sees(t, "#content", "module example.com/"+id)

	status, _, archive := ask(t, http.MethodGet, js[string](t, b, `document.querySelector("#capsule").href`))
	if report, err := capsule.Verify(bytes.NewReader(archive), capsule.Limits{}); status != http.StatusOK || err != nil || !report.OK {
		t.Errorf("the link to the capsule answers %d: %+v (%v)", status, report, err)
	}
}

// hostile is what a prompt, a model or a server may send to take over a page.
const hostile = `</pre></script><script>window.owned = true</script><img src=x onerror="window.owned = true"><a href="javascript:owned=true">x</a>`

func pageEscapes(t *testing.T, b *tab) {
	id := b.submit(t, hostile, &generationtest.Script{
		Code: func(in pipeline.CodeGenerationIn) pipeline.CodeGenerationOut {
			var out pipeline.CodeGenerationOut
			for _, f := range in.Contract.Files {
				out.Files = append(out.Files, generationtest.Source(f, hostile))
			}
			return out
		},
		Verify: func(map[string]string, int) verification.Result {
			result := generationtest.FailingTests("Test" + hostile)
			result.Reason = "1 test fails: " + hostile
			result.Weaker = "not gvisor: " + hostile
			return result
		},
	})
	b.sees(t, "#headline", "Not verified")
	b.sees(t, "#reason", hostile)
	b.sees(t, "#findings li", hostile)
	b.sees(t, "#facts", "not gvisor: "+hostile)
	b.sees(t, "#stages li", "verification, repair round 1: not verified")
	b.hides(t, "#stages li:nth-child(13) .good")
	b.sees(t, "#run-title", hostile[:80])
	b.sees(t, "#files-note", "5 files")
	b.do(t, chromedp.Click(chromedp.CSS(`#files a[href$="part0/part.go"]`)))
	b.sees(t, "#content", hostile)
	b.do(t, chromedp.Click(chromedp.CSS("summary")))
	b.sees(t, "#asked-prompt", hostile)
	b.do(t, chromedp.Click(chromedp.CSS(".back a")))
	b.sees(t, `#recent a[href="#`+id+`"]`, workflow.Excerpt(hostile))
	if js[bool](t, b, `"owned" in window || document.querySelectorAll("script").length !== 2 || document.querySelector("img") !== null || document.querySelector("[href^=javascript]") !== null`) {
		t.Error("text became HTML")
	}
}

func pageFails(t *testing.T, b *tab) {
	b.submit(t, "A library that greets.", &generationtest.Script{Before: func(_ context.Context, s pipeline.Stage, call int) error {
		if s == pipeline.CodeGeneration && call == 1 {
			return fault.New(fault.BadModel, "no such model: "+hostile).WithHint("take another: %s", hostile)
		}
		return nil
	}})
	b.sees(t, "#headline", "Failed")
	b.sees(t, "#reason", "no such model: "+hostile+"\ntake another: "+hostile)
	b.sees(t, "#stages li", "code-generation: failed")
	b.sees(t, "#stages li", "verification: skipped")
	b.sees(t, "#facts", "nothing was built or run")
	b.hides(t, "#capsule")
	if js[bool](t, b, `"owned" in window`) {
		t.Error("text became HTML")
	}
}

// A project that is verified, and does not do all of what the prompt says, is no plain success.
func pageTellsTheUnused(t *testing.T, b *tab) {
	b.submit(t, "A library that greets. Send it by fax.", &generationtest.Script{FRD: func(pipeline.FRDGenerationIn) pipeline.FRDGenerationOut {
		return pipeline.FRDGenerationOut{Markdown: "# Greeting", Unused: []string{"Send it by fax." + hostile}}
	}})
	b.sees(t, "#headline", "Verified, but 1 part of the prompt was not used")
	b.sees(t, "#reason", "The project builds, and 2 tests pass; it does nothing about what stands below.")
	b.sees(t, "#unused li", "Send it by fax."+hostile)
	b.hides(t, ".verdict.good")
	b.hides(t, "#retry")
}

func pageRefused(t *testing.T, b *tab) {
	b.submit(t, "Love.", &generationtest.Script{Before: func(_ context.Context, s pipeline.Stage, _ int) error {
		if s == pipeline.FRDGeneration {
			return fault.New(fault.Refused, "the prompt describes no software")
		}
		return nil
	}})
	b.sees(t, "#headline", "Refused")
	b.sees(t, "#reason", "the prompt describes no software")
	b.hides(t, "#retry") // it would be refused again
	b.do(t, chromedp.Click(chromedp.CSS("#reuse")))
	b.sees(t, "#start", "Generate")
	if got := js[string](t, b, `document.activeElement.id + ": " + document.querySelector("#prompt").value`); got != "prompt: Love." {
		t.Errorf("the form has %q", got)
	}
}

func pageSteers(t *testing.T, b *tab) {
	script := &generationtest.Script{Before: func(ctx context.Context, s pipeline.Stage, call int) error {
		if s == pipeline.ProjectStructure && call == 1 {
			<-ctx.Done()
		}
		return ctx.Err()
	}}
	b.submit(t, "A library that greets.", script)
	b.sees(t, "#headline", "Running: project-structure")
	b.sees(t, "#reason", "3 of 14 steps are done.")
	b.sees(t, "#stages li", "project-structure: running")
	b.sees(t, "#files-note", "None yet.")
	b.hides(t, "#capsule")
	b.do(t, chromedp.Click(chromedp.CSS("#cancel")))
	b.sees(t, "#headline", "Cancelled")
	b.do(t, chromedp.Click(chromedp.CSS("#retry")))
	b.sees(t, "#headline", "Verified")
	b.sees(t, "#facts", "Attempt2")
}

func pageComplains(t *testing.T, b *tab) {
	b.do(t, chromedp.Click(chromedp.CSS("#start")))
	b.sees(t, "#problems", "The prompt is empty")
	b.do(t, chromedp.SetValue(chromedp.CSS("#prompt"), strings.Repeat("ü", pipeline.PromptLimit/2+1)), chromedp.Click(chromedp.CSS("#start")))
	b.sees(t, "#problems", "The prompt has 65,538 bytes, the limit is 65,536: shorten it.")
	b.do(t, chromedp.SetValue(chromedp.CSS("#prompt"), "A\x00library"), chromedp.Click(chromedp.CSS("#start")))
	b.sees(t, "#problems", "prompt: contains a NUL byte")
	if got := js[string](t, b, `document.activeElement.id + location.hash + document.activeElement.getAttribute("aria-invalid")`); got != "prompttrue" {
		t.Errorf("the wrong field is not shown: %s", got)
	}
	b.fits(t)
}

func pageLists(t *testing.T, b *tab) {
	c := clientOf(t, b.base)
	id := create(t, c, &generationtest.Script{})
	await(t, c, id, ended)
	b.do(t, chromedp.Reload())
	b.sees(t, `#recent a[href="#`+id+`"] .badge`, "completed")
	b.do(t, chromedp.Click(chromedp.CSS(`#recent a[href="#`+id+`"]`)))
	b.sees(t, "#headline", "Verified")
	b.do(t, chromedp.NavigateBack())
	b.sees(t, "#start", "Generate")
}

func pageMisses(t *testing.T, b *tab) {
	b.do(t, chromedp.Navigate(b.base+"/#run-none"))
	b.sees(t, "#missing-title", "There is no run run-none")
	b.do(t, chromedp.Navigate(b.base+"/#"+strings.Repeat("A%", 200)))
	b.sees(t, "#missing-title", "There is no run A%A%")
	b.fits(t)
}

func pageWaits(t *testing.T, b *tab) {
	target, err := url.Parse(b.base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var away atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler) // it breaks the connection off
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	t.Cleanup(front.CloseClientConnections)
	release := make(chan struct{})
	b.do(t, chromedp.Navigate(front.URL))
	b.submit(t, "A library that greets.", &generationtest.Script{Before: func(ctx context.Context, s pipeline.Stage, _ int) error {
		if s == pipeline.ProjectStructure {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}})
	b.sees(t, "#headline", "Running: project-structure")
	away.Store(true)
	front.CloseClientConnections()
	b.sees(t, "#lost", "The platform cannot be reached. The page tries again; what is below may be old.")
	close(release)
	away.Store(false)
	b.sees(t, "#headline", "Verified")
	b.hides(t, "#lost")
}
