#!/usr/bin/env bash
# docker/kubernetes: the chart, rendered by helm in each of its forms; every document decoded strictly into the Go type
# that Kubernetes itself decodes it into, and what the pod says compared with what the program does. No cluster runs.
# shellcheck source=tests/deploy/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT/docker/kubernetes" || exit 1
command -v go >/dev/null || skip_all "helm and the types of Kubernetes need Go"
export GOTOOLCHAIN=local
helm=$TOOLS/helm/helm
[ -x "$helm" ] || GOBIN=$TOOLS/helm nice go install helm.sh/helm/v3/cmd/helm@v3.22.0 >"$T/helm.log" 2>&1 ||
    skip_all "helm cannot be had: $(tail -n 1 "$T/helm.log")"
(cd "$ROOT/tests/deploy/kubernetes" && nice go build -o "$TOOLS/decode" .) >"$T/go.log" 2>&1 || skip_all "the types cannot be had: $(tail -n 1 "$T/go.log")"
need_pip yaml pyyaml
echo "  helm $("$helm" version --short), $(sed -n 's/^\t\(k8s.io\/api\|.*monitoring\) \(v[^ ]*\).*/\1 \2/p' "$ROOT/tests/deploy/kubernetes/go.mod" | xargs)"

# helm as `go install` makes it takes itself for one of Kubernetes 1.20
render() { "$helm" template --kube-version 1.33.0 gw llm-api-converter --namespace llm --set image.repository=registry.example/llm-api-converter "$@" 2>"$T/err"; }
decode() { "$TOOLS/decode" 2>&1; }
expect_match "helm lint" "$("$helm" lint llm-api-converter --strict --kube-version 1.33.0 --set image.repository=x 2>&1)" '1 chart\(s\) linted, 0 chart\(s\) failed'

# --- each form, decoded
ALL=(--set existingSecret=gw-secrets --set serviceMonitor.enabled=true --set serviceMonitor.labels.release=prometheus --set autoscaling.enabled=true
    --set ingress.enabled=true --set ingress.host=gw.example --set ingress.tlsSecret=gw-tls --set ingress.className=alb --set networkPolicy.enabled=true
    --set 'networkPolicy.from[0].namespaceSelector.matchLabels.team=a' --set serviceAccount.roleArn=arn:aws:iam::123456789012:role/gw
    --set 'imagePullSecrets[0].name=pull' --set nodeSelector.arch=arm64 --set 'tolerations[0].key=x' --set 'tolerations[0].operator=Exists'
    --set priorityClassName=high --set podLabels.a=b --set podAnnotations.c=d --set service.annotations.e=f --set ingress.annotations.g=h
    --set affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=k
    --set affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator=Exists)
expect_true "it renders at all" render
render >"$T/plain.yaml"
expect "by default" "$(decode <"$T/plain.yaml" | sort)" "ConfigMap gw-llm-api-converter
Deployment gw-llm-api-converter
PodDisruptionBudget gw-llm-api-converter
Service gw-llm-api-converter
ServiceAccount gw-llm-api-converter"
render "${ALL[@]}" >"$T/all.yaml"
expect "everything" "$(decode <"$T/all.yaml" | cut -d' ' -f1 | sort | xargs)" "ConfigMap Deployment HorizontalPodAutoscaler Ingress NetworkPolicy PodDisruptionBudget Service ServiceAccount ServiceMonitor"
render "${ALL[@]}" --set journal.persistent=true --set journal.storageClass=gp3 >"$T/kept.yaml"
expect "a journal that is kept" "$(decode <"$T/kept.yaml" | cut -d' ' -f1 | sort | xargs)" "ConfigMap HorizontalPodAutoscaler Ingress NetworkPolicy PodDisruptionBudget Service ServiceAccount ServiceMonitor StatefulSet"
# The judge judges: a field that does not exist, in each kind of document.
while read -r what spoil; do
    expect_match "an unknown field of $what is refused" "$(sed -E "$spoil" "$T/all.yaml" | decode)" 'unknown field'
done <<'ROWS'
Deployment s/readOnlyRootFilesystem/readOnlyRootFileSystem/
PodDisruptionBudget s/maxUnavailable: 1$/maxUnavailabel: 1/
ServiceMonitor s/interval:/intervall:/
HorizontalPodAutoscaler s/minReplicas/minReplica/
Ingress s/pathType/pathtyp/
NetworkPolicy s/policyTypes/policyType/
ServiceAccount s/^automountServiceAccountToken/automountServiceToken/
Service s/targetPort/targetPorts/
ROWS

# --- what the chart refuses
for bad in "settings.PORT=1" "settings.MASTER_API_KEY=x" "serviceMonitor.enabled=true" "ingress.enabled=true" "image.repository="; do
    expect_true "refused: $bad" bash -c '! "$@"' - "$helm" template --kube-version 1.33.0 gw llm-api-converter --set image.repository=x --set "$bad"
done

# --- what the pod says is what the program does
"$TOOLS/venv/bin/python" -c 'import sys, json, yaml; json.dump([d for d in yaml.safe_load_all(sys.stdin) if d], sys.stdout)' <"$T/all.yaml" >"$T/all.json"
of() { jq -r --arg k "$1" ".[] | select(.kind == \$k) | $2" "$T/all.json"; }
run -- docs routes --output json
for path in $(of Deployment '.spec.template.spec.containers[0] | .startupProbe, .livenessProbe, .readinessProbe | .httpGet.path' | sort -u) $(of ServiceMonitor '.spec.endpoints[].path'); do
    expect_true "$path is a route" jq -e --arg p "$path" 'any(.[]; .path == $p)' "$T/out"
done
run -- docs settings --output json
expect "each variable is a setting" "$(of ConfigMap '.data | keys[]' | sort | comm -23 - <(jq -r '.[].name' "$T/out" | sort))" ""
expect_true "Kubernetes waits longer than the drain" test "$(of Deployment .spec.template.spec.terminationGracePeriodSeconds)" -gt \
    "$(of ConfigMap '(.data.SHUTDOWN_DELAY | tonumber) + (.data.SHUTDOWN_TIMEOUT | tonumber)')"
expect_true "the delay is longer than a probe takes to notice" test "$(of ConfigMap .data.SHUTDOWN_DELAY)" -gt \
    "$(of Deployment '.spec.template.spec.containers[0].readinessProbe | .periodSeconds * .failureThreshold')"
expect "its fence" "$(of Deployment '.spec.template.spec | [.securityContext.runAsNonRoot, .securityContext.seccompProfile.type, .automountServiceAccountToken,
    .containers[0].securityContext.readOnlyRootFilesystem, .containers[0].securityContext.allowPrivilegeEscalation, .containers[0].securityContext.capabilities.drop[0]] | map(tostring) | join(" ")')" \
    "true RuntimeDefault false true false ALL"
expect "the writable place is STATE_DIR" "$(of Deployment '.spec.template.spec.containers[0].volumeMounts[].mountPath')" "$(of ConfigMap .data.STATE_DIR)"
expect "the role" "$(of ServiceAccount '.metadata.annotations["eks.amazonaws.com/role-arn"]')" arn:aws:iam::123456789012:role/gw
expect "all selectors mean the pods" "$(of Service '.spec.selector == $want' --argjson want 1 2>/dev/null; jq -r '[.[] | select(.kind == "Deployment") | .spec.selector.matchLabels] as [$m] |
    [.[] | (.spec.selector.matchLabels // .spec.podSelector.matchLabels // (if .kind == "Service" then .spec.selector else empty end)) | . == $m] | all' "$T/all.json")" true
expect "the image is the chart's version" "$(of Deployment '.spec.template.spec.containers[0].image')" "registry.example/llm-api-converter:$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")"
expect "charts' and program's version" "$(sed -nE 's/^(version|appVersion): "?([0-9.]+)"?$/\2/p' llm-api-converter/Chart.yaml | sort -u)" "$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")"

# Two lanes have a comma between them, which is helm's too: as the README says it.
expect_match "README: lanes on the command line" "$(cat README.md)" "\`--set-string 'settings.BEDROCK_LANES=us-west-2.,us-east-1'\`"
render --set-string "$(sed -n "s/.*--set-string '\([^']*\)'.*/\1/p" README.md)" >"$T/lanes.yaml"
expect_match "they come to the pod" "$(cat "$T/lanes.yaml")" 'BEDROCK_LANES: "?us-west-2,us-east-1"?'

# --- the program with the pod's environment, in a directory like its own
mapfile -t env < <(of ConfigMap '.data | to_entries[] | select(.key | IN("STATE_DIR", "PORT", "HOST", "STORAGE_BACKEND") | not) | "\(.key)=\(.value)"')
start_mock
launch "${env[@]}" SHUTDOWN_DELAY=2
expect_true "it becomes ready" eventually 10 is_ready
kill -TERM "$SERVER_PID"
not_ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$URL/ready")" = 503 ]; }
expect_true "after SIGTERM readiness says no" eventually 1 not_ready
expect "while liveness says yes" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/liveness")" 200
finish
