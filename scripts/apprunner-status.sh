#!/usr/bin/env bash
# Prints how an App Runner service is. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=apprunner-status

HELP='usage: scripts/apprunner-status.sh [options]
Prints status, URL, times and health of the service. Exit 0 when it is RUNNING and healthy, else 1.

  -r, --region REGION      default: AWS_REGION, else us-east-1
  -n, --name NAME          default: llm-api-converter
      --dry-run            the same: this script changes nothing
  -h, --help               this text'

while [ $# -gt 0 ]; do
    case $1 in
    -r | --region) need_value "$@" && REGION=$2 && shift ;;
    -n | --name) need_value "$@" && SERVICE=$2 && shift ;;
    --dry-run) ;;
    -h | --help) echo "$HELP" && exit ;;
    *) usage_error "unknown option $1" ;;
    esac
    shift
done
check_region
check_service
need_aws
need curl "apt-get install curl"

arn=$(aws_ask apprunner list-services --region "$REGION" \
    --query "ServiceSummaryList[?ServiceName=='$SERVICE' && Status!='DELETED'].ServiceArn" --output text)
[ -n "$arn" ] || die "no service $SERVICE in $REGION: -n and -r say where to look"
facts=$(aws_ask apprunner describe-service --region "$REGION" --service-arn "$arn" --output text \
    --query '[Service.Status,Service.ServiceUrl,Service.CreatedAt,Service.UpdatedAt]')
IFS=$'\t' read -r status url created updated <<<"$facts"
health=healthy
curl -fsS -o /dev/null --max-time 5 "https://$url/health" 2>/dev/null || health="does not answer /health with 200"
cat <<END
Region:   $REGION
Service:  $SERVICE
ARN:      $arn
Status:   $status
URL:      https://$url
Created:  $created
Updated:  $updated
Health:   $health
END
[ "$status" = RUNNING ] && [ "$health" = healthy ]
