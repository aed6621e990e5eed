// The OpenAI SDK for Go on /v1/responses; run by go.test.mjs, prints one line a case. Arguments: base URL, model.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

var client openai.Client
var ctx = context.Background()

func text(s string) responses.ResponseNewParamsInputUnion {
	return responses.ResponseNewParamsInputUnion{OfString: openai.String(s)}
}

func say(name string, value any, err error) {
	if err != nil {
		value = "error: " + err.Error()
	}
	line, _ := json.Marshal([]any{name, value})
	fmt.Println(string(line))
}

func stream(p responses.ResponseNewParams) (string, string, error) {
	deltas, last := "", ""
	s := client.Responses.NewStreaming(ctx, p)
	for s.Next() {
		e := s.Current()
		last = e.Type
		if e.Type == "response.output_text.delta" || e.Type == "response.function_call_arguments.delta" {
			deltas += e.Delta
		}
	}
	return deltas, last, s.Err()
}

func main() {
	base, model := os.Args[1], os.Args[2]
	client = openai.NewClient(option.WithBaseURL(base), option.WithAPIKey(os.Getenv("API_KEY")), option.WithMaxRetries(0))
	answer, err := client.Responses.New(ctx, responses.ResponseNewParams{Model: model, Input: text("say: guten Tag")})
	if err != nil {
		say("create", nil, err)
		return
	}
	say("create", []any{answer.OutputText(), answer.Status, answer.Usage.TotalTokens > 0}, nil)

	deltas, last, err := stream(responses.ResponseNewParams{Model: model, Input: text("say: one two three")})
	say("streamed", []string{deltas, last}, err)

	weather := responses.ToolUnionParam{OfFunction: &responses.FunctionToolParam{Name: "weather", Strict: openai.Bool(false),
		Parameters: map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}}}
	deltas, last, err = stream(responses.ResponseNewParams{Model: model, Tools: []responses.ToolUnionParam{weather},
		Input: text(`use tool weather {"city":"Ulm"}`)})
	say("tool", []string{deltas, last}, err)

	_, err = client.Responses.New(ctx, responses.ResponseNewParams{Model: "no-such-model", Input: text("x")})
	var refused *openai.Error
	say("refused", errors.As(err, &refused) && refused.StatusCode == 400 && refused.Code == "model_not_found", nil)

	_, _, err = stream(responses.ResponseNewParams{Model: "anthropic.claude-sonnet-4-5--stream-internal", Input: text("say: one two three four")})
	say("broken", err != nil, nil)
}
