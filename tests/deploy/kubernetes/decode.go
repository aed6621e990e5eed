// Reads Kubernetes documents from standard input and decodes each strictly into the Go type of its kind: a field that
// the type does not have, or one that stands twice, is an error. One line a document: "kind name", or exit 1 and what
// is wrong.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

var types = map[string]func() any{
	"v1/ConfigMap":                            func() any { return &core.ConfigMap{} },
	"v1/Service":                              func() any { return &core.Service{} },
	"v1/ServiceAccount":                       func() any { return &core.ServiceAccount{} },
	"apps/v1/Deployment":                      func() any { return &apps.Deployment{} },
	"apps/v1/StatefulSet":                     func() any { return &apps.StatefulSet{} },
	"policy/v1/PodDisruptionBudget":           func() any { return &policy.PodDisruptionBudget{} },
	"autoscaling/v2/HorizontalPodAutoscaler":  func() any { return &autoscaling.HorizontalPodAutoscaler{} },
	"networking.k8s.io/v1/Ingress":            func() any { return &networking.Ingress{} },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return &networking.NetworkPolicy{} },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
}

func decode(doc []byte) error {
	var head meta.PartialObjectMetadata
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return err
	}
	if head.Kind == "" {
		return nil // a file that rendered to comments
	}
	kind := head.APIVersion + "/" + head.Kind
	make, known := types[kind]
	if !known {
		return fmt.Errorf("%s %s: a kind that this test does not know", kind, head.Name)
	}
	// As the API server reads it: the letters' case counts, which it does not in encoding/json.
	bytes, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, head.Name, err)
	}
	strict, err := json.UnmarshalStrict(bytes, make())
	if err = errors.Join(append(strict, err)...); err != nil {
		return fmt.Errorf("%s %s: %w", kind, head.Name, err)
	}
	fmt.Println(head.Kind, head.Name)
	return nil
}

func main() {
	in := documents.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		doc, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = decode(doc)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
