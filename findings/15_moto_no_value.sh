#!/usr/bin/env bash
# In moto's CloudFormation an element that AWS::NoValue takes out of a list stays there: a good policy is refused, another gets a None.
#
# Software: moto 5.2.5, boto3 1.44.8 (PyPI).
# Input:    a template with Fn::If and AWS::NoValue, its condition true and then false: (a) a property of a log group, (b) an element of
#           Fn::Join in a parameter's value and in an output, (c) one statement of an AWS::IAM::Policy, (d) the same statement in
#           Policies of the AWS::IAM::Role itself.
# Seen:     true: all is well, but for the document of (d), which is not JSON but a dict as Python prints it. False: (a) is left out, as it should
#           be. (b) is "a,None,c". (c) the stack is refused with MalformedPolicyDocument. (d) the stack is complete, the statement None.
# Why:      CloudFormation leaves the element out ("a,c"); LocalStack learnt that for Fn::Join first and then for all lists (its pull requests
#           12163 and 12288). Optional rights, origins and containers are written like this: such a template is red here and right in AWS if its
#           policy is a resource, green if it is inline, and a setting made with Join has a word in it that no one wrote.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install 'moto[cloudformation,iam,logs,ssm]==5.2.5' boto3==1.44.8 botocore==1.44.8
cat >program.py <<'END'
import json
from importlib.metadata import version

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

for name in "moto", "boto3":
    print(name, version(name))


def maybe(value):
    return {"Fn::If": ["Wanted", value, {"Ref": "AWS::NoValue"}]}


def allow(action, **more):
    return {"Effect": "Allow", "Action": action, **more}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": statements}


JOIN = {"Fn::Join": [",", ["a", maybe("b"), "c"]]}
RIGHTS = {"PolicyName": "rights", "PolicyDocument": policy(allow("s3:GetObject", Resource="*"), maybe(allow("s3:PutObject", Resource="*")))}
ROLE = {"RoleName": "role", "AssumeRolePolicyDocument": policy(allow("sts:AssumeRole", Principal={"Service": "ecs-tasks.amazonaws.com"}))}


def resource(kind, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


def log(aws, stack):
    return aws("logs").describe_log_groups()["logGroups"][0].get("retentionInDays", "left out")


def joined(aws, stack):
    return aws("ssm").get_parameter(Name="setting")["Parameter"]["Value"] + " and " + stack["Outputs"][0]["OutputValue"]


def rights(aws, stack):
    document = aws("iam").get_role_policy(RoleName="role", PolicyName="rights")["PolicyDocument"]
    return document if isinstance(document, str) else " ".join(s["Action"] for s in document["Statement"])


CASES = {
    "(a) property": (log, {"Log": resource("Logs::LogGroup", LogGroupName="log", RetentionInDays=maybe(7))}),
    "(b) Join": (joined, {"Setting": resource("SSM::Parameter", Name="setting", Type="String", Value=JOIN)}),
    "(c) AWS::IAM::Policy": (rights, {"Role": resource("IAM::Role", **ROLE), "Rights": resource("IAM::Policy", Roles=[{"Ref": "Role"}], **RIGHTS)}),
    "(d) Policies of a role": (rights, {"Role": resource("IAM::Role", Policies=[RIGHTS], **ROLE)}),
}
for value in "true", "false":
    print("condition", value)
    for title, (look, resources) in CASES.items():
        template = {"Conditions": {"Wanted": {"Fn::Equals": [value, "true"]}}, "Resources": resources, "Outputs": {"Joined": {"Value": JOIN}}}
        with mock_aws():
            def aws(service):
                return boto3.client(service, region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="example")
            try:
                aws("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])
                stack = aws("cloudformation").describe_stacks(StackName="s")["Stacks"][0]
                print(f"  {title}: {stack['StackStatus']}, {look(aws, stack)}")
            except ClientError as e:
                print(f"  {title}: {e.response['Error']['Code']}")
END
timeout 100 "$PYTHON" program.py >seen
holds <<'END'
moto 5.2.5
boto3 1.44.8
condition true
  (a) property: CREATE_COMPLETE, 7
  (b) Join: CREATE_COMPLETE, a,b,c and a,b,c
  (c) AWS::IAM::Policy: CREATE_COMPLETE, s3:GetObject s3:PutObject
  (d) Policies of a role: CREATE_COMPLETE, {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:GetObject', 'Resource': '*'}, {'Effect': 'Allow', 'Action': 's3:PutObject', 'Resource': '*'}]}
condition false
  (a) property: CREATE_COMPLETE, left out
  (b) Join: CREATE_COMPLETE, a,None,c and a,None,c
  (c) AWS::IAM::Policy: MalformedPolicyDocument
  (d) Policies of a role: CREATE_COMPLETE, {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:GetObject', 'Resource': '*'}, None]}
END
