// Package promptenhancement is stage 1: the user's words with what a builder would ask back, by the meta-prompt-engine.
package promptenhancement

import (
	"context"
	"fmt"
	"net/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	engine := httpclient.New("meta-prompt-engine", urls.MetaPrompt)
	return runner.Stage(environ, pipeline.PromptEnhancement, func(ctx context.Context, in pipeline.PromptEnhancementIn) (out pipeline.PromptEnhancementOut, err error) {
		if err = engine.JSON(ctx, http.MethodPost, "/v1/enhancements", in, &out); err != nil {
			err = fmt.Errorf("enhancing the prompt: %w", err)
		}
		return out, err
	})
}
