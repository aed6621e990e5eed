// The AWS SDK for Go on Bedrock's own routes; run by go.test.mjs, prints one line a case. Arguments: URL, model. The CA is in AWS_CA_BUNDLE.
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
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
)

var ctx = context.Background()

func say(name string, value any, err error) {
	var e smithy.APIError
	if errors.As(err, &e) {
		value = e.ErrorCode()
	} else if err != nil {
		value = "error: " + err.Error()
	}
	line, _ := json.Marshal([]any{name, value})
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

func main() {
	url, model := os.Args[1], os.Args[2]
	b := client(url, os.Getenv("API_KEY"))
	body := []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":500,"messages":[{"role":"user","content":"say: guten Tag"}]}`)
	r, err := b.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: &model, Body: body})
	var m struct{ Content []struct{ Text string } }
	if err == nil {
		err = json.Unmarshal(r.Body, &m)
	}
	if err == nil && len(m.Content) == 1 {
		say("invoke", m.Content[0].Text, nil)
	} else {
		say("invoke", "nothing", err)
	}
	s, err := b.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: &model, Messages: user("say: one two three")})
	text, used := "", false
	if err == nil {
		for event := range s.GetStream().Events() {
			switch e := event.(type) {
			case *types.ConverseStreamOutputMemberContentBlockDelta:
				if d, ok := e.Value.Delta.(*types.ContentBlockDeltaMemberText); ok {
					text += d.Value
				}
			case *types.ConverseStreamOutputMemberMetadata:
				used = *e.Value.Usage.OutputTokens > 0
			}
		}
		err = s.GetStream().Err()
	}
	say("converse stream", []any{text, used}, err)
	none := "no-such"
	_, err = b.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: &none, Messages: user("hi")})
	say("no model", "no error", err)
	_, err = client(url, os.Getenv("REVOKED_KEY")).Converse(ctx, &bedrockruntime.ConverseInput{ModelId: &model, Messages: user("hi")})
	say("revoked", "no error", err)
	poor := client(url, os.Getenv("POOR_KEY"))
	_, _ = poor.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: &model, Messages: user(os.Getenv("DEAR"))})
	_, err = poor.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: &model, Messages: user("hi")})
	say("spent", "no error", err)
}
