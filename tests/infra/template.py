"""A synthesised template, read for tests: by type, by function, by role."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.archiver.settings.deployment import Deployment, Tier
from infra.synth import templates

Resource = dict[str, Any]

TIERS = (Tier(after_days=180, storage_class="DEEP_ARCHIVE", min_bytes=131072),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One of our functions in a template."""

    logical_id: str
    resource: Resource
    role: Resource

    @property
    def properties(self) -> Resource:
        """As CloudFormation gets them."""
        properties: Resource = self.resource["Properties"]
        return properties

    @property
    def environment(self) -> dict[str, str]:
        """Its variables; a reference is replaced by the logical id that it points to."""
        return {name: refers_to(value) for name, value in self.properties["Environment"]["Variables"].items()}

    @property
    def step(self) -> str:
        """lister, downloader, …"""
        return str(self.properties["Handler"]).split(".")[-2]

    @property
    def source(self) -> str:
        """The name of its source; nothing for a function of the archive."""
        return str(json.loads(self.environment.get("SOURCE", '{"name": ""}'))["name"])

    def allowed(self) -> dict[str, set[str]]:
        """What its role may do: each action with the resources, written flat."""
        allowed: dict[str, set[str]] = {}
        for statement in self.statements():
            assert statement["Effect"] == "Allow"
            for action in _listed(statement["Action"]):
                allowed.setdefault(action, set()).update(flat(arn) for arn in _listed(statement["Resource"]))
        return allowed

    def statements(self) -> Iterator[Resource]:
        """Every statement of its role."""
        for policy in self.role["Properties"]["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A whole template."""

    document: Resource

    @property
    def resources(self) -> dict[str, Resource]:
        """By logical id."""
        resources: dict[str, Resource] = self.document["Resources"]
        return resources

    def of_type(self, type_: str) -> dict[str, Resource]:
        """The resources of one type, by logical id."""
        return {id_: resource for id_, resource in self.resources.items() if resource["Type"] == type_}

    def only(self, type_: str) -> Resource:
        """The one resource of its type."""
        (resource,) = self.of_type(type_).values()
        return resource

    def functions(self) -> list[Function]:
        """All functions."""
        return [
            Function(logical_id=id_, resource=resource, role=self.resources[refers_to(resource["Properties"]["Role"])])
            for id_, resource in self.of_type("AWS::Lambda::Function").items()
        ]

    def function(self, step: str, source: str = "acme-uk") -> Function:
        """The function of one step of one source."""
        (found,) = (f for f in self.functions() if (f.step, f.source) == (step, source))
        return found

    def queues(self, *, dead_letters: bool) -> dict[str, Resource]:
        """The queues, or the dead-letter queues."""
        queues = self.of_type("AWS::SQS::Queue").items()
        return {id_: queue for id_, queue in queues if dead_letters != ("RedrivePolicy" in queue["Properties"])}

    def schedules_of(self, function: Function) -> dict[str, str]:
        """What fires a function: expressions by input."""
        targets = [
            (schedule["Properties"]["Target"], schedule["Properties"]["ScheduleExpression"])
            for schedule in self.of_type("AWS::Scheduler::Schedule").values()
        ]
        return {target["Input"]: when for target, when in targets if refers_to(target["Arn"]) == function.logical_id}


def deployed(deployment: Deployment) -> Template:
    """What all stacks of a deployment make together: ids of a source's stack begin with the source's name.

    An imported value is replaced by the one that is exported, so a missing export is an error.
    """
    documents = templates(deployment)
    root = documents.pop(deployment.archive.name)
    outputs: Resource = dict(root["Outputs"])
    resources: Resource = dict(root["Resources"])
    exports = {output["Export"]["Name"]: output["Value"] for output in outputs.values() if "Export" in output}
    for source in deployment.sources:
        document = documents.pop(deployment.stack_of(source))
        prefix = source.name.replace("-", "")
        ids = {id_: f"{prefix}{id_}" for id_ in document["Resources"]}
        for kind, into in (("Resources", resources), ("Outputs", outputs)):
            into |= {ids.get(id_, id_): _moved(each, ids, exports) for id_, each in document.get(kind, {}).items()}
    assert not documents
    return Template(document={"Resources": resources, "Outputs": outputs})


def _moved(value: Any, ids: Mapping[str, str], exports: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_moved(each, ids, exports) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::ImportValue" in value:
        return exports[value["Fn::ImportValue"]]
    if "Ref" in value:
        return {"Ref": ids.get(value["Ref"], value["Ref"])}
    if "Fn::GetAtt" in value:
        id_, attribute = value["Fn::GetAtt"]
        return {"Fn::GetAtt": [ids[id_], attribute]}
    return {name: _moved(each, ids, exports) for name, each in value.items()}


def refers_to(value: Any) -> str:
    """The logical id behind a reference; a text stays what it is."""
    if isinstance(value, str):
        return value
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


def flat(value: Any) -> str:
    """A value with its references written as `<Id.Attribute>`."""
    if isinstance(value, dict):
        if "Ref" in value:
            return f"<{value['Ref']}>"
        if "Fn::GetAtt" in value:
            return f"<{'.'.join(value['Fn::GetAtt'])}>"
        if "Fn::ImportValue" in value:
            return f"<{value['Fn::ImportValue']}>"
        return "".join(flat(part) for part in value["Fn::Join"][1])
    return str(value)


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """A value whose references are replaced: `names` has the text for each, by `flat`'s way of writing it."""
    if isinstance(value, list):
        return [with_names(each, names) for each in value]
    if isinstance(value, dict) and not {"Ref", "Fn::GetAtt", "Fn::Join"} & value.keys():
        return {key: with_names(each, names) for key, each in value.items()}
    text = flat(value)
    for reference, name in names.items():
        text = text.replace(reference, name)
    return text


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
