"""One stack for what sources share, one for each source, and what they take from each other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import App, Stack
from moto import mock_aws

from infra.recording_archive import RecordingArchive
from infra.source.pipeline import SourcePipeline
from infra.synth import MAX_RESOURCES, examples, synthesise, templates
from ops.archive.facts import Facts
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import Resource, Template, deployed, flat, refers_to

EXPORTS = {
    "recordings:BucketName",
    "recordings:BucketArn",
    "recordings:TableName",
    "recordings:TableArn",
    "recordings:AlertsTopicArn",
    "recordings:UrgentTopicArn",
    "recordings:ApiId",
    "recordings:ApiEndpoint",
    "recordings:SchedulerRoleArn",
}


@pytest.fixture(scope="module")
def stacks() -> dict[str, Resource]:
    return templates(a_deployment(a_source("acme-uk", webhook=True), a_source("acme-de")))


def imports(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(imports, value))
    if not isinstance(value, dict):
        return set()
    own = {str(value["Fn::ImportValue"])} if "Fn::ImportValue" in value else set()
    return own.union(*map(imports, value.values()))


def exports(root: Resource) -> dict[str, Any]:
    return {each["Export"]["Name"]: each["Value"] for each in root["Outputs"].values() if "Export" in each}


def value_of(stack: Resource) -> tuple[str, dict[str, Any]]:
    """Name and content of a stack's parameter, references written flat."""
    (parameter,) = (r["Properties"] for r in stack["Resources"].values() if r["Type"] == "AWS::SSM::Parameter")
    content: dict[str, Any] = json.loads(flat(parameter["Value"]))
    return parameter["Name"], content


def test_the_archive_and_each_source_have_a_stack_of_their_own(stacks: dict[str, Resource]) -> None:
    assert stacks.keys() == {"recordings", "recordings-acme-uk", "recordings-acme-de"}


def test_no_stack_comes_near_what_cloudformation_takes(stacks: dict[str, Resource]) -> None:
    assert max(len(stack["Resources"]) for stack in stacks.values()) < 50 < MAX_RESOURCES


def test_bucket_table_topics_and_api_are_in_the_root_and_nowhere_else(stacks: dict[str, Resource]) -> None:
    lasting = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SNS::Topic", "AWS::ApiGatewayV2::Api"}
    for name, stack in stacks.items():
        types = {resource["Type"] for resource in stack["Resources"].values()}
        assert lasting & types == (lasting if name == "recordings" else set())


def test_the_exports_never_change(stacks: dict[str, Resource]) -> None:
    # CloudFormation refuses to change or remove an export that a deployed stack imports.
    assert exports(stacks["recordings"]).keys() == EXPORTS
    without_webhooks = templates(a_deployment(a_source("acme-de"), urgent=("night@example.com",)))
    assert exports(without_webhooks["recordings"]) == exports(stacks["recordings"])


def test_a_source_takes_nothing_of_the_root_but_its_exports(stacks: dict[str, Resource]) -> None:
    for name in ("recordings-acme-uk", "recordings-acme-de"):
        assert imports(stacks[name]) <= EXPORTS
    assert imports(stacks["recordings-acme-uk"]) == EXPORTS
    assert not imports(stacks["recordings"])


def test_sources_stacks_differ_by_their_settings_alone(stacks: dict[str, Resource]) -> None:
    one, other = (templates(a_deployment(a_source(name)))[f"recordings-{name}"] for name in ("acme-uk", "acme-de"))
    assert json.loads(json.dumps(one).replace("acme-uk", "acme-de")) == other


def test_adding_a_source_changes_no_other_stack(stacks: dict[str, Resource]) -> None:
    fewer = templates(a_deployment(a_source("acme-uk", webhook=True)))
    assert fewer == {name: stacks[name] for name in fewer}


def test_the_outputs_name_what_people_need(stacks: dict[str, Resource]) -> None:
    root = stacks["recordings"]["Outputs"]
    assert refers_to(root["BucketName"]["Value"]) == "ArchiveBucket"
    assert refers_to(root["TableName"]["Value"]) == "ArchiveTable"
    url = flat(stacks["recordings-acme-uk"]["Outputs"]["WebhookUrlacmeuk"]["Value"])
    assert url == "<recordings:ApiEndpoint>/webhooks/acme-uk"
    assert not stacks["recordings-acme-de"].get("Outputs")


QUEUE = "q" * 80
LONGEST = {
    ("AWS::SQS::Queue", ""): f"https://sqs.ap-southeast-3.amazonaws.com/123456789012/{QUEUE}",
    ("AWS::SQS::Queue", ".QueueName"): QUEUE,
    ("AWS::Lambda::Function", ""): "f" * 64,
    ("AWS::Scheduler::Schedule", ""): "s" * 64,
}
"""What a reference to a resource becomes at most, as AWS names them."""


def test_a_sources_parameter_stays_below_one_kilobyte_with_the_longest_names_and_everything_in_use() -> None:
    name, archive_name = "s" * 32, "a" * 95  # a stack's name has 128 characters at most
    source = a_source(name, webhook=True, delete_after_days=30, delete_secret="x")
    stack = templates(a_deployment(source, name=archive_name, object_lock="governance"))[f"{archive_name}-{name}"]
    (parameter,) = (r["Properties"] for r in stack["Resources"].values() if r["Type"] == "AWS::SSM::Parameter")
    text = flat(parameter["Value"])
    for id_, resource in stack["Resources"].items():
        for (type_, attribute), longest in LONGEST.items():
            if resource["Type"] == type_:
                text = text.replace(f"<{id_}{attribute}>", longest)
    text = text.replace(f"<{archive_name}:ApiEndpoint>", "https://abcdefghij.execute-api.ap-southeast-3.amazonaws.com")
    assert "<" not in text
    assert len(json.loads(text)["schedules"]) >= 4
    assert len(text.encode()) <= 1024


def test_a_domain_of_ones_own_is_the_url_to_register() -> None:
    url = "https://hooks.example.com/webhooks/acme-uk"
    stack = templates(a_deployment(a_source(webhook=True, webhook_url=url)))["recordings-acme-uk"]
    assert stack["Outputs"]["WebhookUrlacmeuk"]["Value"] == url
    assert value_of(stack)[1]["webhook_url"] == url


def test_the_archives_parameter_says_where_everything_is(stacks: dict[str, Resource]) -> None:
    name, content = value_of(stacks["recordings"])
    assert name == "/recording-archive/recordings"
    assert content.keys() == {
        "version",
        "commit",
        "bucket",
        "table",
        "topics",
        "zone",
        "layout",
        "events",
        "eraser",
        "break_glass",
        "export_key",
        "object_lock",
    }
    assert (content["bucket"], content["table"]) == ("<ArchiveBucket>", "<ArchiveTable>")
    assert content["topics"].keys() == {"alerts", "urgent"}
    assert (content["zone"], content["layout"]) == ("UTC", 1)
    assert content["version"]


def test_a_sources_parameter_says_what_it_is_made_of(stacks: dict[str, Resource]) -> None:
    name, content = value_of(stacks["recordings-acme-uk"])
    assert name == "/recording-archive/recordings/sources/acme-uk"
    assert content.keys() == {"queue", "dead_letters", "functions", "schedules", "webhook_url"}
    assert content["functions"].keys() == {"lister", "downloader", "reconciler", "webhook"}
    _, without = value_of(stacks["recordings-acme-de"])
    assert without["functions"].keys() == {"lister", "downloader", "reconciler"}
    assert without["webhook_url"] is None


def test_a_sources_parameter_stays_below_a_kilobyte() -> None:
    source = a_source("a" * 32, webhook=True, webhook_url=f"https://hooks.example.com/{'w' * 60}")
    _, content = value_of(templates(a_deployment(source, name="r" * 90))[f"{'r' * 90}-{'a' * 32}"])
    longest = {"queue": "https://sqs.eu-central-1.amazonaws.com/111122223333/" + "q" * 80}
    longest["dead_letters"] = longest["queue"]
    filled = content | longest | {"functions": dict.fromkeys(content["functions"], "f" * 64)}
    assert len(json.dumps(filled, separators=(",", ":"))) <= 1024


def test_only_resources_that_never_move_have_names_of_their_own(stacks: dict[str, Resource]) -> None:
    names = {
        "AWS::S3::Bucket": "BucketName",
        "AWS::DynamoDB::Table": "TableName",
        "AWS::SQS::Queue": "QueueName",
        "AWS::SNS::Topic": "TopicName",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::IAM::Role": "RoleName",
        "AWS::Logs::LogGroup": "LogGroupName",
        "AWS::Scheduler::Schedule": "Name",
    }
    resources = [resource for stack in stacks.values() for resource in stack["Resources"].values()]
    assert names.keys() <= {resource["Type"] for resource in resources}
    for resource in resources:
        assert names.get(resource["Type"]) not in resource.get("Properties", {})


def test_what_stays_when_its_stack_goes_has_no_name_that_a_later_stack_would_want() -> None:
    root = templates(a_deployment(sign=True, events=True, object_lock="governance"))["recordings"]
    staying = [each for each in root["Resources"].values() if each.get("DeletionPolicy") == "Retain"]
    kinds = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::DynamoDB::Table", "AWS::KMS::Key"}
    assert {each["Type"] for each in staying} == kinds
    assert not [name for each in staying for name in each["Properties"] if re.fullmatch(r"(\w+)?Name", name)]


STAYS = {
    "recordings": {
        "AWS::S3::Bucket": {"ArchiveBucket"},
        "AWS::DynamoDB::Table": {"ArchiveTable"},
        "AWS::ApiGatewayV2::Api": {"ArchiveWebhookApi"},
        "AWS::SNS::Topic": {"ArchiveAlertsD64059A3", "ArchiveAlertsUrgent3277FA92"},
        "AWS::SSM::Parameter": {"ArchiveParameterB6C4E162"},
        "AWS::KMS::Key": {"ArchiveSealsKey2ED4F40D"},
        "AWS::KMS::Alias": {"ArchiveSealsAliasD67A74BC"},
        "AWS::CloudWatch::Alarm": {"ArchiveWebhooksFailing3D08BF0F", "ArchiveEventsUnsent25203491"},
        "AWS::IAM::Role": {"ArchiveStoreEraserD305E9B5", "ArchiveScheduler0C2FE91C", "ArchiveEventsRole8A39FACA"},
        "AWS::IAM::ManagedPolicy": {
            "ArchivePeopleOperator55B8A37E",
            "ArchivePeopleListener483C597C",
            "ArchiveCustodianD979EAE4",
        },
    },
    "recordings-acme-uk": {
        "AWS::SQS::Queue": {"SourceLanesQueue120AE775", "SourceLanesDeadLettersC487953D"},
        "AWS::SSM::Parameter": {"SourceParameter33F14FE7"},
        "AWS::ApiGatewayV2::Route": {"SourceReceivingRoute089DC1DE", "SourceReceivingSecretRoute5B206D80"},
        "AWS::CloudWatch::Alarm": {
            "SourceStoppedABD023BE",
            "SourceUrgentTrouble932068FF",
            "SourceTroubleBBF6ED9A",
            "SourceFunctionErrors70E0E58D",
            "SourceDeadLettersCD5B34CA",
        },
    },
}
"""What holds something, is exported, has a name of its own, or is attached to people's roles, by its logical id."""


def test_an_upgrade_gives_no_other_logical_id_to_what_others_hold_on_to() -> None:
    # Under another id an export in use would change, a name would be taken already, or a policy would be detached.
    found = templates(a_deployment(a_source(webhook=True), sign=True, events=True))
    for stack, kinds in STAYS.items():
        template = Template(document=found[stack])
        assert {type_: {*template.of_type(type_)} for type_ in kinds} == kinds


def test_whoever_gets_mail_keeps_getting_it_when_others_come_and_go() -> None:
    def subscribed(*addresses: str) -> dict[str, str]:
        found = Template(document=templates(a_deployment(alerts=addresses))["recordings"])
        mails = found.of_type("AWS::SNS::Subscription").items()
        return {id_: each["Properties"]["Endpoint"] for id_, each in mails}

    # CloudFormation subscribes anew before it takes away, and SNS then has the same subscription under both ids.
    before, after = subscribed("a@example.com", "b@example.com"), subscribed("c@example.com", "b@example.com")
    assert {id_ for id_, address in before.items() if address == "b@example.com"} < after.keys()
    assert {before[id_] for id_ in before.keys() & after.keys()} == {"b@example.com"}
    assert subscribed("b@example.com", "a@example.com") == before


def test_who_gets_mail_concerns_the_archives_stack_alone() -> None:
    one = templates(a_deployment(events=True))
    other = templates(a_deployment(events=True, alerts=("a@example.com",), urgent=("night@example.com",)))
    assert {name for name in one if one[name] != other[name]} == {"recordings"}
    # Nor do addresses stand in the environments of functions that meet strangers' bytes.
    functions = [*Template(document=other["recordings"]).functions()]
    for source in ("recordings-acme-uk", "recordings-acme-de"):
        functions += Template(document=other[source]).functions()
    assert len(functions) == 7
    assert not [function for function in functions if "@" in str(function.properties["Environment"])]


def test_the_policies_for_people_are_never_described_in_other_words() -> None:
    # CloudFormation would make another policy, and the roles of people would keep the old one.
    root = Template(document=templates(a_deployment())["recordings"])
    assert {each["Properties"]["Description"] for each in root.of_type("AWS::IAM::ManagedPolicy").values()} == {
        "Knows how the archive fares and repairs it; hears and reads no call (recordings)",
        "Finds recordings and listens to them; each access is recorded first (recordings)",
        "Holds, releases, erases and exports recordings of recordings",
    }


def test_source_stacks_are_deployed_after_the_root(tmp_path: Path) -> None:
    synthesise(a_deployment(), tmp_path, bundle=False)
    artifacts = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    for name in ("recordings-acme-uk", "recordings-acme-de"):
        assert "recordings" in artifacts[name]["dependencies"]


def test_archive_and_sources_fit_into_one_stack_of_somebody_elses(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
    stack = Stack(app, "Theirs")
    for name in ("Sales", "Support"):
        deployment = a_deployment(a_source("one", webhook=True), a_source("two"), name=name)
        archive = RecordingArchive(stack, name, deployment=deployment)
        for source in deployment.sources:
            SourcePipeline(stack, f"{name}-{source.name}", archive=archive, source=source)
    app.synth()
    document = json.loads((tmp_path / "Theirs.template.json").read_text(encoding="utf-8"))
    assert {"SalesBucket", "SalesTable", "SupportBucket", "SupportTable"} <= document["Resources"].keys()
    assert not imports(document)
    theirs = Template(document=document)
    operators = json.dumps([each for id_, each in theirs.of_type("AWS::IAM::ManagedPolicy").items() if "Oper" in id_])
    for named_after_their_stack in (":Theirs-*", ":schedule/default/Theirs-*"):
        assert operators.count(named_after_their_stack) == 2
    sales = [f for f in theirs.functions() if f.environment["BUCKET"] == "SalesBucket"]
    assert sorted((f.source, f.step) for f in sales) == [
        ("one", "downloader"),
        ("one", "lister"),
        ("one", "reconciler"),
        ("one", "webhook"),
        ("two", "downloader"),
        ("two", "lister"),
        ("two", "reconciler"),
    ]


def test_a_source_may_be_in_another_stack_of_somebody_elses_app(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
    deployment = a_deployment(a_source("one"))
    archive = RecordingArchive(Stack(app, "Shared"), "Calls", deployment=deployment)
    SourcePipeline(Stack(app, "One"), "One", archive=archive, source=deployment.sources[0])
    app.synth()
    document = json.loads((tmp_path / "One.template.json").read_text(encoding="utf-8"))
    assert imports(document) < EXPORTS
    shared = json.loads((tmp_path / "Shared.template.json").read_text(encoding="utf-8"))
    assert exports(shared).keys() == EXPORTS


def test_a_permissions_boundary_is_on_every_role() -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    archive = deployed(a_deployment(a_source(webhook=True), permissions_boundary=boundary))
    roles = [role["Properties"] for role in archive.of_type("AWS::IAM::Role").values()]
    assert len(roles) == 6
    assert {role.get("PermissionsBoundary") for role in roles} == {boundary}


def test_the_command_finds_what_the_stacks_write(stacks: dict[str, Resource]) -> None:
    with mock_aws():
        ssm = boto3.client("ssm", region_name="eu-central-1")
        for stack in stacks.values():
            name, content = value_of(stack)
            ssm.put_parameter(Name=name, Value=json.dumps(content), Type="String")
        facts = Facts(ssm, "recordings")
        assert facts.sources() == ["acme-de", "acme-uk"]
        assert (facts.archive().bucket, facts.archive().table) == ("<ArchiveBucket>", "<ArchiveTable>")
        assert facts.source("acme-uk").functions.keys() == {"lister", "downloader", "reconciler", "webhook"}
        assert facts.source("acme-de").webhook_url is None


def test_a_deploy_needs_no_right_beyond_the_documented_policy(tmp_path: Path) -> None:
    synthesise(a_deployment(a_source()), tmp_path, bundle=False)
    (statement,) = json.loads(Path("docs/deploy-policy.json").read_text(encoding="utf-8"))["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    given = {each.split(":role/")[1].replace("111122223333-eu-central-1", "*") for each in statement["Resource"]}
    needed = re.findall(r'role/([^"$]+-\$\{AWS::AccountId\}-\$\{AWS::Region\})', files_of(tmp_path))
    assert {each.replace("${AWS::AccountId}-${AWS::Region}", "*") for each in needed if "cfn-exec" not in each} == given


def test_the_documents_name_every_service_that_a_narrowed_execution_policy_has_to_allow() -> None:
    source = a_source(webhook=True, delete_after_days=30, delete_secret="recordings/delete")
    everything = deployed(a_deployment(source, sign=True, events=True, object_lock="governance"))
    services = {each["Type"].split("::")[1] for each in everything.resources.values()}
    words = {"ApiGatewayV2": "API Gateway", "Logs": "CloudWatch Logs", "Scheduler": "EventBridge Scheduler"}
    permissions = Path("docs/deploying.md").read_text(encoding="utf-8").partition("## Permissions")[2]
    (needed,) = re.findall(r"it needs (.+?)\.\n", permissions.partition("\n##")[0], re.DOTALL)
    named = set(re.split(r",\s+(?:and\s+)?|\s+and\s+", re.sub(r"\(.*?\)|with .*", "", needed, flags=re.DOTALL)))
    assert {each.strip() for each in named} == {words.get(service, service) for service in services}


def files_of(assembly: Path) -> str:
    """What names the roles of a deploy: the manifest for stacks, and the assets of each."""
    files = [assembly / "manifest.json", *assembly.glob("*.assets.json")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_sources_that_differ_in_names_alone_are_of_one_kind_and_checked_once() -> None:
    hooked = [a_source(f"acme-{number}", webhook=True) for number in range(3)]
    plain = [a_source(f"dull-{number}") for number in range(2)]
    given = a_deployment(*hooked, *plain)
    assert {source.webhook for source in examples(given, templates(given))} == {True, False}
    assert len(examples(given, templates(given))) == 2
