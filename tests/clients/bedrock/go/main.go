// The AWS SDK for Go on Bedrock's own routes; run by others.test.mjs, prints one line a case. Arguments: URL, model. The CA is in AWS_CA_BUNDLE.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
)

const use = `use tool weather {"city":"Ulm"}`

var (
	ctx    = context.Background()
	schema = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}
)

func told(value any, err error) any {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return value
}

func say(name string, value any, err error) {
	line, _ := json.Marshal([]any{name, told(value, err)})
	fmt.Println(string(line))
}

func client(url, key string) *bedrockruntime.Client {
	os.Setenv("AWS_BEARER_TOKEN_BEDROCK", key)
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-west-2"), config.WithRetryMaxAttempts(1))
	if err != nil {
		panic(err)
	}
	return bedrockruntime.NewFromConfig(c, func(o *bedrockruntime.Options) { o.BaseEndpoint = aws.String(url) })
}

func user(text string) []types.Message {
	return []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}}
}

func body(text string) []byte {
	raw, _ := json.Marshal(map[string]any{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 500,
		"messages": []any{map[string]any{"role": "user", "content": text}},
		"tools":    []any{map[string]any{"name": "weather", "input_schema": schema}}})
	return raw
}

func tools() *types.ToolConfiguration {
	return &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
		Name: aws.String("weather"), InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(schema)}}}}}
}

// The text and the tool's input of each: InvokeModel, and its stream.
func invoke(b *bedrockruntime.Client, model, text string) (string, any, error) {
	r, err := b.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: &model, Body: body(text)})
	if err != nil {
		return "", nil, err
	}
	var m struct {
		Content []struct {
			Text  string
			Input any
		}
	}
	err = json.Unmarshal(r.Body, &m)
	said, input := "", any(nil)
	for _, c := range m.Content {
		said += c.Text
		if c.Input != nil {
			input = c.Input
		}
	}
	return said, input, err
}

func invokeStream(b *bedrockruntime.Client, model, text string) (said, input, last string, err error) {
	s, err := b.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{ModelId: &model, Body: body(text)})
	if err != nil {
		return
	}
	for event := range s.GetStream().Events() {
		var e struct {
			Type  string
			Delta struct {
				Text string
				Part string `json:"partial_json"`
			}
		}
		if chunk, ok := event.(*types.ResponseStreamMemberChunk); ok && json.Unmarshal(chunk.Value.Bytes, &e) == nil {
			said, input, last = said+e.Delta.Text, input+e.Delta.Part, e.Type
		}
	}
	return said, input, last, s.GetStream().Err()
}

func converse(b *bedrockruntime.Client, model, text string) (said string, input any, stop string, err error) {
	r, err := b.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: &model, Messages: user(text), ToolConfig: tools()})
	if err != nil {
		return
	}
	m, ok := r.Output.(*types.ConverseOutputMemberMessage)
	for i := 0; ok && i < len(m.Value.Content); i++ {
		switch c := m.Value.Content[i].(type) {
		case *types.ContentBlockMemberText:
			said += c.Value
		case *types.ContentBlockMemberToolUse:
			err = c.Value.Input.UnmarshalSmithyDocument(&input)
		}
	}
	return said, input, string(r.StopReason), err
}

func converseStream(b *bedrockruntime.Client, model, text string) (said, input string, used bool, err error) {
	s, err := b.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: &model, Messages: user(text), ToolConfig: tools()})
	if err != nil {
		return
	}
	for event := range s.GetStream().Events() {
		switch e := event.(type) {
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			switch d := e.Value.Delta.(type) {
			case *types.ContentBlockDeltaMemberText:
				said += d.Value
			case *types.ContentBlockDeltaMemberToolUse:
				input += *d.Value.Input
			}
		case *types.ConverseStreamOutputMemberMetadata:
			used = *e.Value.Usage.OutputTokens > 0
		}
	}
	return said, input, used, s.GetStream().Err()
}

func parsed(text string) (value any) {
	_ = json.Unmarshal([]byte(text), &value)
	return
}

// What each of the four operations is refused with.
func refusals(name string, b *bedrockruntime.Client, model string) {
	_, _, one := invoke(b, model, "hi")
	_, _, _, two := invokeStream(b, model, "hi")
	_, _, _, three := converse(b, model, "hi")
	_, _, _, four := converseStream(b, model, "hi")
	say(name, []any{told("no error", one), told("no error", two), told("no error", three), told("no error", four)}, nil)
}

func main() {
	url, model := os.Args[1], os.Args[2]
	b := client(url, os.Getenv("API_KEY"))
	said, input, err := invoke(b, model, "say: guten Tag")
	say("invoke", said, err)
	said, _, last, err := invokeStream(b, model, "say: one two three")
	say("invoke stream", []any{said, last}, err)
	_, input, err = invoke(b, model, use)
	_, part, _, more := invokeStream(b, model, use)
	say("invoke tool", []any{input, parsed(part)}, errors.Join(err, more))
	said, _, stop, err := converse(b, model, "say: guten Tag")
	say("converse", []any{said, stop}, err)
	said, _, used, err := converseStream(b, model, "say: one two three")
	say("converse stream", []any{said, used}, err)
	_, input, _, err = converse(b, model, use)
	_, part, _, more = converseStream(b, model, use)
	say("converse tool", []any{input, parsed(part)}, errors.Join(err, more))
	n, err := b.CountTokens(ctx, &bedrockruntime.CountTokensInput{ModelId: &model,
		Input: &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{Messages: user("hi")}}})
	say("count", err == nil && *n.InputTokens > 0, err)
	refusals("no model", b, "no-such")
	refusals("revoked", client(url, os.Getenv("REVOKED_KEY")), model)
	poor := client(url, os.Getenv("POOR_KEY"))
	_, _, _, _ = converse(poor, model, os.Getenv("DEAR")) // another test may have spent it
	refusals("spent", poor, model)
}
