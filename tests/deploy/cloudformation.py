"""Applies docker/cloudformation/gateway.yaml to a moto server and prints what came of it, one "name value" a line.

usage: cloudformation.py http://127.0.0.1:PORT gateway.yaml [PARAMETER=VALUE...]
"""
import ast
import sys

import boto3

endpoint, path, given = sys.argv[1], sys.argv[2], dict(a.split("=", 1) for a in sys.argv[3:])


def client(name):
    return boto3.client(name, endpoint_url=endpoint, region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="x")


def network():
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    nets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{i}.0/24", AvailabilityZone=f"us-west-2{z}")["Subnet"]["SubnetId"] for i, z in enumerate("ab")]
    cert = client("acm").request_certificate(DomainName="gw.example.com")["CertificateArn"]
    nets = ",".join(nets)
    return {"VpcId": vpc, "BalancerSubnets": nets, "TaskSubnets": nets, "CertificateArn": cert}


parameters = {**network(), "ImageUri": "123456789012.dkr.ecr.us-west-2.amazonaws.com/llm-api-converter:1.0.0", **given}
cloud = client("cloudformation")
with open(path, encoding="utf-8") as f:
    body = f.read()
stack = "gw" + str(len(cloud.list_stacks()["StackSummaries"]))
cloud.create_stack(StackName=stack, TemplateBody=body, Capabilities=["CAPABILITY_IAM"],
                   Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()])
print("status", cloud.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
made = cloud.list_stack_resources(StackName=stack)["StackResourceSummaries"]
made = [r for r in made if r.get("ResourceType")]  # the others are those that moto does not know
print("resources", len(made))
for r in sorted(made, key=lambda r: r["LogicalResourceId"]):
    print("made", r["LogicalResourceId"], r["ResourceType"])
dynamo = client("dynamodb")
names = dynamo.list_tables()["TableNames"]
ttl = [n for n in names if dynamo.describe_time_to_live(TableName=n)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"]
for name in sorted(names):
    t = dynamo.describe_table(TableName=name)["Table"]
    # moto's CloudFormation leaves recovery and encryption out: cfn-guard looks at those
    print("table", name, "protected" if t.get("DeletionProtectionEnabled") else "unprotected", "TTL" if name in ttl else "")
ecs = client("ecs")
for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
    t = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    c = t["containerDefinitions"][0]
    print("secrets", ",".join(sorted(s["name"] for s in c.get("secrets", []) if s)))
    print("environment", *(e["name"] + "=" + e["value"] for e in c["environment"] if e))
role = next(r["PhysicalResourceId"] for r in made if r["LogicalResourceId"] == "TaskRole")
policy = client("iam").get_role_policy(RoleName=role, PolicyName="gateway")["PolicyDocument"]
policy = ast.literal_eval(policy) if isinstance(policy, str) else policy  # moto has it as Python writes it
for s in [s for s in policy["Statement"] if s]:  # moto leaves "" where there is AWS::NoValue
    print("allows", s["Sid"], s["Resource"])
