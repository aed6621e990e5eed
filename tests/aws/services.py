"""App Runner and ECS Express Mode as far as the deployment scripts meet them. Methods are named as the operations."""
import hashlib
import time
import uuid

LOOKS = 2  # how many looks an operation takes


class Refused(Exception):
    """code, message: the error of the service"""


def twice(names):
    return sorted({n for n in names if names.count(n) > 1})


class AppRunner:
    def __init__(self, world):
        self.world = world
        self.services = {}   # ARN -> service as DescribeService gives it, with "looks", "settled", "operations"
        self.scalings = {}   # ARN -> configuration
        self.default_scaling = self._scaling("DefaultConfiguration", 1, 25, "us-west-2")

    def state(self):
        return {"services": list(self.services.values()), "scalings": list(self.scalings.values())}

    def _scaling(self, name, smallest, largest, region):
        arn = f"arn:aws:apprunner:{region}:123456789012:autoscalingconfiguration/{name}/1/{hashlib.md5(name.encode()).hexdigest()}"
        self.scalings[arn] = {"AutoScalingConfigurationArn": arn, "AutoScalingConfigurationName": name, "AutoScalingConfigurationRevision": 1,
                              "Latest": True, "Status": "ACTIVE", "MaxConcurrency": 100, "MinSize": smallest, "MaxSize": largest}
        return arn

    def _summary(self, arn):
        if arn not in self.scalings:
            raise Refused("ResourceNotFoundException", f"no automatic scaling configuration {arn}")
        return {k: self.scalings[arn][k] for k in ("AutoScalingConfigurationArn", "AutoScalingConfigurationName", "AutoScalingConfigurationRevision")}

    def _find(self, arn):
        if arn not in self.services or self.services[arn]["Status"] == "DELETED":
            raise Refused("ResourceNotFoundException", f"no service {arn}")
        return self.services[arn]

    def _shown(self, service):
        return {k: v for k, v in service.items() if k not in ("looks", "settled", "operations")}

    def _check(self, source, instance):
        """What AWS says of a configuration at the call, and what it finds out later: an image that is not there."""
        image = source["ImageRepository"]
        configuration = image.get("ImageConfiguration", {})
        both = set(configuration.get("RuntimeEnvironmentVariables", {})) & set(configuration.get("RuntimeEnvironmentSecrets", {}))
        if both:
            raise Refused("InvalidRequestException", f"variable and secret of one name: {', '.join(sorted(both))}")
        for arn, principal in ((source.get("AuthenticationConfiguration", {}).get("AccessRoleArn"), "build.apprunner.amazonaws.com"),
                               (instance.get("InstanceRoleArn"), "tasks.apprunner.amazonaws.com")):
            wrong = self.world.role(arn, principal) if arn else None
            if wrong:
                raise Refused("InvalidRequestException", wrong)

    def _deploy(self, service, kind):
        """Runs the image with the variables of the service. A failed update leaves the older one running."""
        source = service["SourceConfiguration"]["ImageRepository"]
        configuration = source.get("ImageConfiguration", {})
        role = service["InstanceConfiguration"].get("InstanceRoleArn")
        variables = dict(configuration.get("RuntimeEnvironmentVariables", {}))
        failed = self.world.fail_next or not self.world.image(source["ImageIdentifier"])
        self.world.fail_next = False
        for name, arn in configuration.get("RuntimeEnvironmentSecrets", {}).items():
            action = "ssm:GetParameters" if ":ssm:" in arn else "secretsmanager:GetSecretValue"
            if self.world.may(role, action, ":".join(arn.split(":")[:7])):
                variables[name] = self.world.secret(arn)
            else:
                failed = True
        if not failed:
            failed = not self.world.start(service["ServiceUrl"], variables, source["ImageIdentifier"])
        first = kind == "CREATE_SERVICE"
        service["settled"] = "CREATE_FAILED" if failed and first else "RUNNING"
        self._begin(service, kind, ("FAILED" if first else "ROLLBACK_SUCCEEDED") if failed else "SUCCEEDED")

    def _begin(self, service, kind, end):
        service["Status"] = "OPERATION_IN_PROGRESS"
        service["looks"] = LOOKS
        service["operations"].insert(0, {"Id": str(uuid.uuid4()), "Type": kind, "Status": end})
        return service["operations"][0]["Id"]

    def _settled(self, service):
        if service["Status"] != "RUNNING":
            raise Refused("InvalidStateException", f"the service is {service['Status']}")

    def _look(self, service):
        if service["Status"] == "OPERATION_IN_PROGRESS":
            service["looks"] -= 1
            if service["looks"] < 0:
                service["Status"] = service["settled"]

    def pushed(self, image):
        """An image was pushed: services with automatic deployments, which are the default, begin one."""
        for service in self.services.values():
            source = service["SourceConfiguration"]
            if source["ImageRepository"]["ImageIdentifier"] == image and source.get("AutoDeploymentsEnabled", True) and service["Status"] != "DELETED":
                self._deploy(service, "START_DEPLOYMENT")

    # --- the operations ---------------------------------------------------------------------------------------

    def CreateService(self, request, region):
        if any(s["ServiceName"] == request["ServiceName"] and s["Status"] != "DELETED" for s in self.services.values()):
            raise Refused("InvalidRequestException", f"Service with the provided name already exists: {request['ServiceName']}.")
        instance = request.get("InstanceConfiguration", {})
        self._check(request["SourceConfiguration"], instance)
        identity = hashlib.md5(f"{request['ServiceName']}{len(self.services)}".encode()).hexdigest()
        arn = f"arn:aws:apprunner:{region}:123456789012:service/{request['ServiceName']}/{identity}"
        now = time.time()
        service = self.services[arn] = {
            "ServiceName": request["ServiceName"], "ServiceId": identity, "ServiceArn": arn, "ServiceUrl": f"{identity[:10]}.{region}.awsapprunner.com",
            "CreatedAt": now, "UpdatedAt": now, "Status": "OPERATION_IN_PROGRESS", "SourceConfiguration": request["SourceConfiguration"],
            "InstanceConfiguration": instance, "HealthCheckConfiguration": request.get("HealthCheckConfiguration", {}),
            "AutoScalingConfigurationSummary": self._summary(request.get("AutoScalingConfigurationArn", self.default_scaling)),
            "NetworkConfiguration": {"EgressConfiguration": {"EgressType": "DEFAULT"}}, "operations": []}
        service["SourceConfiguration"].setdefault("AutoDeploymentsEnabled", True)
        self._deploy(service, "CREATE_SERVICE")
        # The groups are App Runner's own, made without a limit.
        for part in ("application", "service"):
            self.world.client("logs", region).create_log_group(logGroupName=f"/aws/apprunner/{request['ServiceName']}/{identity}/{part}")
        return {"Service": self._shown(service), "OperationId": service["operations"][0]["Id"]}

    def UpdateService(self, request, region):
        service = self._find(request["ServiceArn"])
        self._settled(service)
        source = request.get("SourceConfiguration", service["SourceConfiguration"])
        self._check(source, request.get("InstanceConfiguration", service["InstanceConfiguration"]))
        if "AutoScalingConfigurationArn" in request:
            service["AutoScalingConfigurationSummary"] = self._summary(request["AutoScalingConfigurationArn"])
        before, service["SourceConfiguration"] = service["SourceConfiguration"], source
        self._deploy(service, "UPDATE_SERVICE")
        if service["operations"][0]["Status"] != "SUCCEEDED":
            service["SourceConfiguration"] = before
        return {"Service": self._shown(service), "OperationId": service["operations"][0]["Id"]}

    def StartDeployment(self, request, _):
        service = self._find(request["ServiceArn"])
        self._settled(service)
        self._deploy(service, "START_DEPLOYMENT")
        return {"OperationId": service["operations"][0]["Id"]}

    def DeleteService(self, request, _):
        service = self._find(request["ServiceArn"])
        if service["Status"] == "OPERATION_IN_PROGRESS":
            raise Refused("InvalidStateException", "an operation is in progress")
        self.world.stop(service["ServiceUrl"])
        service["settled"] = "DELETED"
        return {"Service": self._shown(service), "OperationId": self._begin(service, "DELETE_SERVICE", "SUCCEEDED")}

    def DescribeService(self, request, _):
        service = self._find(request["ServiceArn"])
        self._look(service)
        return {"Service": self._shown(service)}

    def ListServices(self, _, region):
        for service in self.services.values():
            if service["settled"] == "DELETED":
                self._look(service)
        return {"ServiceSummaryList": [{k: s[k] for k in ("ServiceName", "ServiceId", "ServiceArn", "ServiceUrl", "CreatedAt", "UpdatedAt", "Status")}
                                       for s in self.services.values() if f":{region}:" in s["ServiceArn"]]}

    def ListOperations(self, request, _):
        service = self._find(request["ServiceArn"])
        return {"OperationSummaryList": service["operations"][: request.get("MaxResults", 20)]}

    def CreateAutoScalingConfiguration(self, request, region):
        arn = self._scaling(request["AutoScalingConfigurationName"], request.get("MinSize", 1), request.get("MaxSize", 25), region)
        return {"AutoScalingConfiguration": self.scalings[arn]}

    def ListAutoScalingConfigurations(self, request, _):
        name = request.get("AutoScalingConfigurationName")
        return {"AutoScalingConfigurationSummaryList": [self._summary(a) for a, c in self.scalings.items() if name in (None, c["AutoScalingConfigurationName"])]}

    def DescribeAutoScalingConfiguration(self, request, _):
        self._summary(request["AutoScalingConfigurationArn"])
        return {"AutoScalingConfiguration": self.scalings[request["AutoScalingConfigurationArn"]]}


class Ecs:
    def __init__(self, world):
        self.world = world
        self.services = {}
        self.deployments = {}

    def state(self):
        return {"services": list(self.services.values())}

    def _find(self, arn):
        if arn not in self.services:
            raise Refused("ResourceNotFoundException", f"no service {arn}")
        return self.services[arn]

    def _definition(self, arn, region):
        """The task definition, if Express Mode takes it."""
        try:
            definition = self.world.client("ecs", region).describe_task_definition(taskDefinition=arn)["taskDefinition"]
        except Exception as error:
            raise Refused("ClientException", f"no task definition {arn}") from error
        main = [c for c in definition["containerDefinitions"] if c["name"] == "Main"]
        if not main or not main[0].get("portMappings", [{}])[0].get("name"):
            raise Refused("InvalidParameterException", "a container Main with a named port is needed")
        if "FARGATE" not in definition.get("requiresCompatibilities", []):
            raise Refused("InvalidParameterException", "requiresCompatibilities FARGATE is needed")
        names = [e["name"] for e in main[0].get("environment", [])] + [s["name"] for s in main[0].get("secrets", [])]
        if twice(names):
            raise Refused("ClientException", f"names that come twice: {', '.join(twice(names))}")
        for key, principal in (("executionRoleArn", "ecs-tasks.amazonaws.com"), ("taskRoleArn", "ecs-tasks.amazonaws.com")):
            wrong = self.world.role(definition[key], principal)
            if wrong:
                raise Refused("InvalidParameterException", wrong)
        return definition, main[0]

    def _deploy(self, service, arn, request, region):
        definition, main = self._definition(arn, region)
        sound = self.world.image(main["image"]) is not None and not self.world.fail_next
        self.world.fail_next = False
        variables = {e["name"]: e["value"] for e in main.get("environment", [])}
        for secret in main.get("secrets", []):
            action = "ssm:GetParameters" if ":ssm:" in secret["valueFrom"] else "secretsmanager:GetSecretValue"
            if self.world.may(definition["executionRoleArn"], action, ":".join(secret["valueFrom"].split(":")[:7])):
                variables[secret["name"]] = self.world.secret(secret["valueFrom"])
            else:
                sound = False
        if main.get("readonlyRootFilesystem") and not any(m["containerPath"] == "/var/lib/llm-api-converter" for m in main.get("mountPoints", [])):
            sound = False  # nowhere to write its state
        host = service["activeConfigurations"][0]["ingressPaths"][0]["endpoint"].partition("//")[2]
        if sound:
            sound = self.world.start(host, variables, main["image"])
        if sound or "currentDeployment" not in service:
            service["activeConfigurations"][0] |= {"taskDefinitionArn": arn, "cpu": definition["cpu"], "memory": definition["memory"]}
            # What a call leaves out falls back to AWS's own: the strict reading of what is not documented.
            service["activeConfigurations"][0]["scalingTarget"] = {"minTaskCount": 1, "maxTaskCount": 20, "autoScalingMetric": "AVERAGE_CPU",
                                                                  "autoScalingTargetValue": 60} | request.get("scalingTarget", {})
            service["activeConfigurations"][0]["healthCheckPath"] = request.get("healthCheckPath", "/ping")
            service["activeConfigurations"][0]["networkConfiguration"] = request.get("networkConfiguration", {"subnets": ["subnet-default"]})
        deployment = f"{service['serviceArn'].replace(':service/', ':service-deployment/')}/{len(self.deployments)}"
        service["currentDeployment"] = deployment
        self.deployments[deployment] = [LOOKS, "SUCCESSFUL" if sound else "ROLLBACK_SUCCESSFUL", service["serviceArn"]]

    def _shown(self, service):
        return {k: v for k, v in service.items() if k != "looks"}

    # --- the operations ---------------------------------------------------------------------------------------

    def CreateExpressGatewayService(self, request, region):
        cluster, name = request.get("cluster", "default"), request["serviceName"]
        arn = f"arn:aws:ecs:{region}:123456789012:service/{cluster}/{name}"
        if self.services.get(arn, {}).get("status", {}).get("statusCode") in ("ACTIVE", "DRAINING"):
            raise Refused("InvalidParameterException", "Creation of service was not idempotent.")
        wrong = self.world.role(request["infrastructureRoleArn"], "ecs.amazonaws.com")
        if wrong:
            raise Refused("InvalidParameterException", wrong)
        if "taskDefinitionArn" not in request:
            raise Refused("InvalidParameterException", "taskDefinitionArn or primaryContainer is needed")
        service = {"serviceArn": arn, "serviceName": name, "cluster": cluster, "infrastructureRoleArn": request["infrastructureRoleArn"],
                   "status": {"statusCode": "ACTIVE"}, "activeConfigurations": [{"ingressPaths": [{
                       "accessType": "PUBLIC", "endpoint": f"https://ll-{hashlib.md5(arn.encode()).hexdigest()[:10]}.ecs.{region}.on.aws"}]}]}
        self._deploy(service, request["taskDefinitionArn"], request, region)
        self.services[arn] = service
        return {"service": self._shown(service)}

    def UpdateExpressGatewayService(self, request, region):
        service = self._find(request["serviceArn"])
        if service["status"]["statusCode"] != "ACTIVE":
            raise Refused("ServiceNotActiveException", "the service is not active")
        self._deploy(service, request.get("taskDefinitionArn", service["activeConfigurations"][0]["taskDefinitionArn"]), request, region)
        return {"service": {k: service[k] for k in ("serviceArn", "cluster", "serviceName", "status")}}

    def DescribeExpressGatewayService(self, request, _):
        service = self._find(request["serviceArn"])
        if service["status"]["statusCode"] == "DRAINING":
            # The infrastructure role takes the load balancer down; without it nothing ever does.
            if self.world.role(service["infrastructureRoleArn"], "ecs.amazonaws.com"):
                text = f"{service['serviceName']}: the infrastructure role went while the service drained: the load balancer stays"
                if text not in self.world.audit:
                    self.world.audit.append(text)
            else:
                service["looks"] -= 1
                if service["looks"] < 0:
                    service["status"] = {"statusCode": "INACTIVE"}
        return {"service": self._shown(service)}

    def DeleteExpressGatewayService(self, request, _):
        service = self._find(request["serviceArn"])
        if service["status"]["statusCode"] != "ACTIVE":
            raise Refused("ServiceNotActiveException", "the service is not active")
        self.world.stop(service["activeConfigurations"][0]["ingressPaths"][0]["endpoint"].partition("//")[2])
        service["status"] = {"statusCode": "DRAINING"}
        service["looks"] = LOOKS
        return {"service": self._shown(service)}

    def DescribeServices(self, request, region):
        cluster = request.get("cluster", "default")
        known = self.world.client("ecs", region).describe_clusters(clusters=[cluster])["clusters"]
        if not known:
            raise Refused("ClusterNotFoundException", "Cluster not found.")
        found = [s for s in self.services.values() if s["cluster"] == cluster and (s["serviceName"] in request["services"] or s["serviceArn"] in request["services"])]
        return {"services": [{"serviceArn": s["serviceArn"], "serviceName": s["serviceName"], "status": s["status"]["statusCode"]} for s in found], "failures": []}

    def DescribeServiceDeployments(self, request, _):
        shown = []
        for arn in request["serviceDeploymentArns"]:
            if arn in self.deployments:
                looks, end, service = self.deployments[arn]
                self.deployments[arn][0] = looks - 1
                shown.append({"serviceDeploymentArn": arn, "serviceArn": service, "status": end if looks <= 0 else "IN_PROGRESS"})
        return {"serviceDeployments": shown, "failures": []}
