package generation

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// Samples keeps code where later prompts find it; the meta-prompt-engine does.
type Samples interface {
	Keep(ctx context.Context, id, about, code string) error
}

// Only short files are kept, and few of a run: they go into prompts.
const (
	sampleFiles = 5
	sampleBytes = 4 << 10
)

// remember keeps some files of a verified project as samples. They only help later runs, so that one that is not kept is a
// warning in the log and no failure of this run.
func (a *Activities) remember(ctx context.Context, in *inputs) {
	if a.Samples == nil {
		return
	}
	prompt, contract, kept := in.request().Prompt, in.contract(), 0
	for _, f := range in.files(pipeline.CodeGeneration) {
		if len(f.Content) > sampleBytes || kept == sampleFiles {
			continue
		}
		planned, _ := contract.File(f.Path) // a file that the contract has not has no purpose to be found by
		if err := a.Samples.Keep(ctx, drop.Digest([]byte(f.Content))[:16], prompt+"\n"+planned.Purpose, f.Content); err != nil {
			slog.WarnContext(ctx, "sample not kept", "workflow", workflowID(ctx), "path", f.Path, "cause", err.Error())
			return
		}
		kept++
	}
	if in.err != nil {
		slog.WarnContext(ctx, "samples not kept", "workflow", workflowID(ctx), "cause", in.err.Error())
	}
}

// metaPrompt is the meta-prompt-engine as a keeper of samples.
type metaPrompt struct{ http *httpclient.Client }

func (m metaPrompt) Keep(ctx context.Context, id, about, code string) error {
	body := struct {
		About string `json:"about"`
		Text  string `json:"text"`
	}{about, code}
	return m.http.JSON(ctx, http.MethodPut, "/v1/collections/code_samples/documents/"+id, body, nil)
}
