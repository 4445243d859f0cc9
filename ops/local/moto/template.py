"""Reads from a template what stands in AWS: for the emulator, and for tests of what the stack makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.local.wiring import Route, Scheduled

Resource = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One Lambda function: its handler string and its environment, references resolved."""

    logical_id: str
    handler: str
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """The handler's module: lister, downloader, …"""
        return self.handler.split(".")[-2]

    @property
    def module(self) -> str:
        """The dotted path of the module that holds the handler."""
        return self.handler.rpartition(".")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapped:
    """An event source mapping: messages of `queue` (a logical id) go to `function` (a logical id)."""

    queue: str
    function: str


class Template:
    """A CloudFormation template. `physical` names what the embedded AWS made of a logical id."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._resources: Mapping[str, Resource] = document["Resources"]
        self.physical: dict[str, str] = {}

    def of_type(self, type_: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Logical id and properties of every resource of one type."""
        for logical_id, resource in self._resources.items():
            if resource["Type"] == type_:
                yield logical_id, resource.get("Properties", {})

    def resolve(self, value: Any) -> Any:
        """`value` with `Ref`, `Fn::GetAtt` and `Fn::Join` replaced. Raises KeyError for what was not made."""
        if isinstance(value, list):
            return [self.resolve(part) for part in value]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name in self._intrinsics:
                return self._intrinsics[name](self, argument)
        return {key: self.resolve(part) for key, part in value.items()}

    def logical_id(self, reference: Any) -> str:
        """The resource that a `Ref` or a `Fn::GetAtt` points to."""
        if "Ref" in reference:
            return str(reference["Ref"])
        return str(reference["Fn::GetAtt"][0])

    def _join(self, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts))

    def _ref(self, argument: str) -> str:
        return self.physical[argument]

    def _attribute(self, argument: Any) -> str:
        return self.physical[f"{argument[0]}.{argument[1]}"]

    _intrinsics: Mapping[str, Callable[[Template, Any], Any]] = {
        "Ref": _ref,
        "Fn::GetAtt": _attribute,
        "Fn::Join": _join,
    }

    def functions(self) -> dict[str, Function]:
        """Every function of this project, by logical id. Needs the bucket, the table and the queues to be made."""
        return {
            logical_id: Function(
                logical_id=logical_id,
                handler=properties["Handler"],
                environment=self.resolve(properties.get("Environment", {}).get("Variables", {})),
            )
            for logical_id, properties in self.of_type("AWS::Lambda::Function")
            if str(properties.get("Handler", "")).startswith("functions.")
        }

    def event_source_mappings(self) -> list[Mapped]:
        """Which queue feeds which function."""
        return [
            Mapped(
                queue=self.logical_id(properties["EventSourceArn"]),
                function=self.logical_id(properties["FunctionName"]),
            )
            for _, properties in self.of_type("AWS::Lambda::EventSourceMapping")
        ]

    def schedules(self) -> list[Scheduled]:
        """The schedules: which function they fire, when, and with what."""
        return [
            Scheduled(
                function=self.logical_id(properties["Target"]["Arn"]),
                expression=properties["ScheduleExpression"],
                input=self.resolve(properties["Target"].get("Input", "{}")),
            )
            for _, properties in self.of_type("AWS::Scheduler::Schedule")
        ]

    def routes(self) -> list[Route]:
        """The routes of the HTTP API."""
        integrations = {
            logical_id: self.logical_id(_function_reference(properties["IntegrationUri"]))
            for logical_id, properties in self.of_type("AWS::ApiGatewayV2::Integration")
        }
        return [
            Route(key=properties["RouteKey"], function=integrations[_target(properties["Target"])])
            for _, properties in self.of_type("AWS::ApiGatewayV2::Route")
        ]


def _function_reference(uri: Any) -> Any:
    """An integration's URI is the function's ARN, by itself or joined into a longer one."""
    if "Fn::Join" not in uri:
        return uri
    return next(part for part in uri["Fn::Join"][1] if isinstance(part, Mapping) and "Fn::GetAtt" in part)


def _target(target: Any) -> str:
    """A route's target reads `integrations/<integration>`."""
    return str(target["Fn::Join"][1][-1]["Ref"])
