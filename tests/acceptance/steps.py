"""What the run does, step by step, each on what the one before has left."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import urllib3
from botocore.exceptions import ClientError

from ops.first_deployment.questions import QUESTIONS
from simulators.faults import Fault
from simulators.providers.babelforce import Babelforce
from simulators.providers.kazoo import Kazoo
from simulators.providers.twilio import Twilio
from simulators.server import Simulator
from tests.acceptance.engine import ADMINISTRATOR
from tests.acceptance.large import archive_large
from tests.acceptance.world import ARCHIVE, HOOK_SECRET, Failed, SimulatedSource, World, wait_for

LARGE_BYTES = 9 * 2**20
IN_FLIGHT = 12
CHANGE_SET = "acceptance"
REFUTED = {"S3 takes the lifecycle rules", "DynamoDB keeps a function to the items of its own source"}
PERHAPS_REFUTED = {"of several writers one wins, completed uploads among them"}
"""The questions of the first deployment that this engine answers with no, always or now and then: see UNSEEN."""

MAY_CHANGE_NOTHING = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::ApiGatewayV2::Api", "AWS::SQS::Queue")


class Run:
    """The steps in their order: `for words, step in run.steps(): step()`. Each raises Failed, or tells what it saw."""

    def __init__(self, world: World, kept: SimulatedSource, leaving: SimulatedSource, coming: SimulatedSource) -> None:
        self.world = world
        self.kept, self.leaving, self.coming = kept, leaving, coming

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """What a step shows, in words, and the step."""
        yield "bootstrap the account", self.bootstrap
        yield "deploy two sources with the rights of a pipeline", self.deploy
        yield "archive small and large recordings", self.archive
        yield "archive what a webhook names", self.webhook
        yield "report that all is complete", self.reconcile
        yield "ask what only a real account can answer", self.first_check
        yield "go on with a rotated secret", self.rotate
        yield "refuse a deploy that would lose the bucket", self.refuse
        yield "upgrade with recordings in flight", self.upgrade
        yield "find no error and no denied call in the logs", self.logs
        yield "remove the stacks and keep the archive", self.remove
        yield "deploy onto the old bucket without asking for it all again", self.deploy_again
        yield "archive 1 GiB on a store that checks", lambda: archive_large(self.world.engine.folder / "seaweed")

    def bootstrap(self) -> str:
        """As an administrator."""
        self.world.describe([self.kept, self.leaving])
        self.world.make("bootstrap", keys=ADMINISTRATOR)
        return "by an administrator"

    def deploy(self) -> str:
        """As somebody who may do nothing but assume the roles that bootstrapping made."""
        secrets = self.world.engine.client("secretsmanager")
        for source in (self.kept, self.leaving, self.coming):
            secrets.create_secret(Name=f"recordings/{source.name}", SecretString=source.secret)
        self.world.make_pipeline()
        try:
            self.world.engine.client("s3", self.world.pipeline).list_buckets()
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
        else:
            raise Failed("the engine lets the pipeline list buckets: it enforces no roles")
        self.world.make("deploy")
        self.world.bucket = self.world.facts()["bucket"]
        return ", ".join(sorted(self.world.stacks()))

    def archive(self) -> str:
        """Nobody fires anything: the schedules do."""
        for source in (self.kept, self.leaving):
            self.world.await_archived(source)
        sizes = [row.size for each in (self.kept, self.leaving) for row in each.simulator.rows()]
        return f"{len(sizes)} recordings, the largest of {max(sizes) / 2**20:.0f} MiB, byte for byte"

    def webhook(self) -> str:
        """An event of a recording that no list shows."""
        recording = self.kept.simulator.add(hidden=True)
        if self._post(recording.id, "a-wrong-secret") != 401:
            raise Failed("an event with a wrong secret is not refused with 401")
        if self._post(recording.id, HOOK_SECRET) != 200:
            raise Failed("an event with the right secret is not answered with 200")
        found = f"metadata/source={self.kept.name}/"
        wait_for(lambda: any(recording.id in key for key in self.world.keys(found)), "the recording of the webhook")
        recording.hidden = False  # so that the report does not miss it at the provider
        self.world.await_archived(self.kept)
        return "and none with a wrong secret"

    def _post(self, recording_id: str, secret: str) -> int:
        """Through the API, at the address that the stack names."""
        url = urllib.parse.urlsplit(self.world.source(self.kept.name)["webhook_url"])
        pool = urllib3.PoolManager(ca_certs=str(self.world.engine.certificate), retries=False)
        headers = {"Host": url.netloc, "Content-Type": "application/json", "X-Webhook-Secret": secret}
        body = json.dumps({"recording_id": recording_id}).encode()
        answer = pool.request("POST", f"{self.world.engine.endpoint}{url.path}", body=body, headers=headers)
        return int(answer.status)

    def reconcile(self) -> str:
        """What the schedule does at night."""
        done = self.world.invoke(self.kept.name, "reconciler", {"force": True})
        reports = self.world.keys(f"reports/source={self.kept.name}/")
        if not done["complete"] or not reports:
            raise Failed(f"the report is not complete: {done}, {[self.world.document(key) for key in reports]}")
        return f"{done['report']}"

    def first_check(self) -> str:
        """As an administrator. What this engine gets wrong is refuted, nothing else is."""
        lines = [line for line in self.world.refusal("first-deployment-check", keys=ADMINISTRATOR) if ": " in line]
        answers = {question: line[:4].strip() for line in lines for question in QUESTIONS if f"  {question}: " in line}
        refuted = {question for question, verdict in answers.items() if verdict == "no"}
        if answers.keys() != set(QUESTIONS) or not REFUTED <= refuted <= REFUTED | PERHAPS_REFUTED:
            raise Failed("\n".join(lines))
        counted = Counter(answers.values())
        return ", ".join(f"{counted[verdict]} {verdict}" for verdict in ("yes", "no", "open"))

    def rotate(self) -> str:
        """The provider takes only the new credentials from now on, and has one recording more."""
        simulator = self.kept.simulator
        simulator.secret.update(client_secret="rotated-" + simulator.secret["client_secret"])
        simulator.expire_tokens()  # type: ignore[attr-defined]  # those with tokens have it
        secrets = self.world.engine.client("secretsmanager")
        secrets.put_secret_value(SecretId=f"recordings/{self.kept.name}", SecretString=self.kept.secret)
        self.kept.records()
        self.world.await_archived(self.kept)
        return "one recording more"

    def refuse(self) -> str:
        """With another bucket in the file, as somebody may write by mistake."""
        before = self.world.lasting([self.kept, self.leaving])
        self.world.describe([self.kept, self.leaving], bucket="another")
        sentence = f"{ARCHIVE}: the bucket ArchiveBucket would no longer belong to the stack"
        for target in ("diff", "deploy"):
            if not any(sentence in line for line in self.world.refusal(target)):
                raise Failed(f"make {target} does not name the bucket")
        if self.world.lasting([self.kept, self.leaving]) != before:
            raise Failed("something was deployed all the same")
        return sentence

    def upgrade(self) -> str:
        """A setting changed, one source added, one taken away, while slow downloads are under way."""
        before = self.world.lasting([self.kept, self.leaving])
        self.kept.settings.update(requests_per_minute=300, max_parallel_downloads=2)
        self.world.describe([self.kept, self.coming])
        self.world.make("diff")
        started = time.monotonic()
        self.world.make("deploy", "--method", "prepare-change-set", "--change-set-name", CHANGE_SET)
        self._no_replacement()
        slow = self._begin_slow_downloads(2 * (time.monotonic() - started))
        self.world.make("deploy")
        if slow() == IN_FLIGHT:
            raise Failed("every download was over before the upgrade was")
        after = self.world.lasting([self.kept])
        if any(before[name] != id_ for name, id_ in after.items()):
            raise Failed(f"the upgrade replaced what must last: {before} became {after}")
        self.world.await_archived(self.kept)
        self.world.await_archived(self.coming)
        self._take_away()
        return f"{len(after)} lasting resources are the same, {IN_FLIGHT} downloads in flight arrived"

    def _begin_slow_downloads(self, seconds: float) -> Callable[[], int]:
        """Together they take so long, whatever else this machine is doing. How many have begun can be asked."""
        simulator = self.kept.simulator
        simulator.faults.add(Fault("slow", times=IN_FLIGHT, value=seconds / IN_FLIGHT))
        for _ in range(IN_FLIGHT):
            self.kept.records(size=200_000)

        def begun() -> int:
            return sum(each.fault == "slow" for each in simulator.served("media"))

        self.world.invoke(self.kept.name, "lister", {"action": "list"}, wait=False)
        wait_for(lambda: begun() > 0, "a slow download")
        return begun

    def _no_replacement(self) -> None:
        changes = self.world.changes(CHANGE_SET)
        if not changes:
            raise Failed("there is no change set to read")
        lost = {
            f"{stack}: {what} {resource}"
            for stack, resources in changes.items()
            for resource, what in resources.items()
            if resource.startswith(MAY_CHANGE_NOTHING) and what in ("Replace", "Remove")
        }
        if lost:
            raise Failed(f"the change sets would lose {sorted(lost)}")

    def _take_away(self) -> None:
        """The source that is no longer in the file: its stack goes by hand, its recordings stay."""
        name = f"{ARCHIVE}-{self.leaving.name}"
        formation = self.world.engine.client("cloudformation")
        formation.delete_stack(StackName=name)
        formation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        self.world.await_archived(self.leaving)

    def logs(self) -> str:
        """Refused credentials are told as warnings, so not even the rotation leaves an error."""
        lines = list(self.world.log_lines())
        if not any('"message":"listed"' in line for line in lines):
            raise Failed("the logs do not even tell that something was listed")
        troubles = [line for line in lines if '"level":"ERROR"' in line or "AccessDenied" in line]
        if troubles:
            raise Failed("\n".join(troubles[:10]))
        return f"among {len(lines)} lines"

    def remove(self) -> str:
        """As the pipeline, without a question."""
        engine = self.world.engine
        s3, bucket = engine.client("s3"), self.world.bucket
        before, policy = self.world.versions(""), s3.get_bucket_policy(Bucket=bucket)["Policy"]
        table = self.world.facts()["table"]
        self.world.make("destroy", "--force")
        left = [*self.world.stacks(), *engine.client("lambda").list_functions()["Functions"]]
        left += engine.client("sqs").list_queues().get("QueueUrls", [])
        if left:
            raise Failed(f"something is left: {left}")
        if self.world.versions("") != before or table not in engine.client("dynamodb").list_tables()["TableNames"]:
            raise Failed("the archive did not stay as it was")
        if s3.get_bucket_policy(Bucket=bucket)["Policy"] != policy:
            raise Failed("the bucket lost its policy")
        return f"{len(before)} objects, the bucket's policy and the table are as they were"

    def deploy_again(self) -> str:
        """A new table on the old bucket: what lies there is not downloaded a second time."""
        simulator = self.kept.simulator
        asked, before = len(simulator.served("media")), self.world.versions(f"audio/source={self.kept.name}/")
        self.world.describe([self.kept], bucket=self.world.bucket)
        self.world.make("deploy")
        new = self.kept.records()
        folder = f"metadata/source={self.kept.name}/"
        wait_for(lambda: any(new.id in key for key in self.world.keys(folder)), "the new recording")
        self.world.await_archived(self.kept)
        again = len(simulator.served("media")) - asked
        if again != 1 or not set(before) <= set(self.world.versions(f"audio/source={self.kept.name}/")):
            raise Failed(f"{again} downloads for one new recording")
        return f"{len(before)} recordings known again, one new one downloaded"


@contextmanager
def sources() -> Iterator[tuple[SimulatedSource, SimulatedSource, SimulatedSource]]:
    """One that stays, one that leaves with the upgrade and one that comes with it."""
    with ExitStack() as open_:

        def served(kind: type[Simulator], recordings: int) -> Simulator:
            start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
            return open_.enter_context(
                kind(recordings=recordings, start=start, span=timedelta(hours=20), sizes=(4_000, 60_000))
            )

        kept = served(Babelforce, 6)
        kept.add(size=LARGE_BYTES)
        yield (
            SimulatedSource("phones", kept, webhook=True),
            SimulatedSource("trunk", served(Twilio, 4)),
            SimulatedSource("desk", served(Kazoo, 4)),
        )
