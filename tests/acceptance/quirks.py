"""Each mistake of the engine that the acceptance run steps around, in one list.

At the start every one is asked of a plain engine: where it answers as AWS does by now, the mend in `mended.py` can go.
The mended engine has to answer as AWS does in all of them.
"""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from tests.acceptance.engine import ACCOUNT, REGION, Engine, Keys

_PARTS = (b"a" * 5 * 2**20, b"b")
_AT_WORK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Quirk:
    """`mend` names the function of `mended.py`, `on_aws` says what is right, `is_right` asks whether it is so."""

    mend: str
    on_aws: str
    is_right: Callable[[Engine], bool]


UNSEEN = (
    "a schedule invokes its function without the schedule's role, so the role's condition on a tag is not judged",
    "dynamodb:LeadingKeys is in no request's context, and ForAllValues holds where a key is missing",
    "the bucket's lifecycle is not set by CloudFormation",
    "a FIFO queue's mapping has one worker, so no more than one lane is seen at work",
    "completing an upload is not atomic between callers, and no call answers 409",
)
"""What the engine cannot show, and no mend of a few lines would change."""


def _taken(call: Callable[..., Any], **given: Any) -> bool:
    try:
        call(**given)
    except ClientError:
        return False
    return True


def _takes_expressions(engine: Engine) -> bool:
    """Of queries with ids of their own, and no others."""
    return _takes_alarm(engine, "a", "b") and not _takes_alarm(engine, "a", "a")


def _takes_alarm(engine: Engine, of_metric: str, of_expression: str) -> bool:
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    series = {"Id": of_metric, "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    alarm = {
        "Metrics": [series, {"Id": of_expression, "Expression": f"{of_metric} * 2"}],
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 1,
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}
    formation = engine.client("cloudformation")
    formation.create_stack(StackName="alarm", TemplateBody=json.dumps(template))
    try:
        formation.get_waiter("stack_create_complete").wait(StackName="alarm", WaiterConfig={"Delay": 1})
        return True
    except WaiterError:
        return False
    finally:
        formation.delete_stack(StackName="alarm")


def _sends_batches(engine: Engine) -> bool:
    queue = engine.client("sqs").create_queue(QueueName="batches")["QueueUrl"]
    keys = _role(engine, "sender", "sqs:SendMessage", f"arn:aws:sqs:*:{ACCOUNT}:batches")
    entries = [{"Id": "0", "MessageBody": "text"}]
    try:
        return _taken(engine.client("sqs", keys).send_message_batch, QueueUrl=queue, Entries=entries)
    finally:
        engine.client("sqs").delete_queue(QueueUrl=queue)


def _knows_conditional_writes(engine: Engine) -> bool:
    """A write without the header is denied, one with it is not, and neither is a part of an upload."""
    store = engine.client("s3")
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::conditional/*",
        "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    }
    with _bucket(engine, "conditional"):
        policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
        store.put_bucket_policy(Bucket="conditional", Policy=policy)
        keys = _role(engine, "writer", "s3:PutObject", "arn:aws:s3:::conditional/*")
        own = engine.client("s3", keys)
        upload = store.create_multipart_upload(Bucket="conditional", Key="b")["UploadId"]
        part = {"Bucket": "conditional", "Key": "b", "UploadId": upload, "PartNumber": 1, "Body": b"x"}
        return (
            not _taken(own.put_object, Bucket="conditional", Key="a", Body=b"x")
            and _taken(own.put_object, Bucket="conditional", Key="a", Body=b"x", IfNoneMatch="*")
            and _taken(own.upload_part, **part)
        )


def _counts_wholes(engine: Engine) -> bool:
    """The right CRC32 of the whole is taken and given back, a wrong one is not."""
    store = engine.client("s3")
    with _bucket(engine, "wholes"):
        where: dict[str, Any] = {"Bucket": "wholes", "Key": "whole"}
        upload = store.create_multipart_upload(**where, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
        where["UploadId"] = upload["UploadId"]
        parts = []
        for number, body in enumerate(_PARTS, start=1):
            crc = _crc_text(body)
            sent = store.upload_part(**where, PartNumber=number, Body=body, ChecksumCRC32=crc)
            parts.append({"ETag": sent["ETag"], "PartNumber": number, "ChecksumCRC32": crc})
        end = {**where, "MultipartUpload": {"Parts": parts}, "ChecksumType": "FULL_OBJECT"}
        right = _crc_text(b"".join(_PARTS))
        if _taken(store.complete_multipart_upload, **end, ChecksumCRC32=_crc_text(b"other")):
            return False
        if not _taken(store.complete_multipart_upload, **end, ChecksumCRC32=right):
            return False
        head = store.head_object(Bucket="wholes", Key="whole", ChecksumMode="ENABLED")
        return (head.get("ChecksumCRC32"), head.get("ChecksumType")) == (right, "FULL_OBJECT")


def _ends_what_is_under_way(engine: Engine) -> bool:
    """A function whose settings change while it works answers all the same."""
    functions = engine.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("slow.py", f"import time\ndef handler(event, context):\n    time.sleep({_AT_WORK_SECONDS})\n")
    _role(engine, "slow", "logs:PutLogEvents", "*")
    functions.create_function(
        FunctionName="slow",
        Runtime="python3.11",
        Handler="slow.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/slow",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
    )
    try:
        functions.get_waiter("function_active_v2").wait(FunctionName="slow", WaiterConfig={"Delay": 1})
        functions.invoke(FunctionName="slow", Payload=b"{}")
        with ThreadPoolExecutor(max_workers=1) as pool:
            answer = pool.submit(functions.invoke, FunctionName="slow", Payload=b"{}")
            time.sleep(_AT_WORK_SECONDS / 2)
            functions.update_function_configuration(FunctionName="slow", Environment={"Variables": {"NEW": "1"}})
            return "FunctionError" not in answer.result()
    finally:
        functions.delete_function(FunctionName="slow")


def _crc_text(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


@contextmanager
def _bucket(engine: Engine, name: str) -> Iterator[None]:
    store = engine.client("s3")
    store.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    try:
        yield
    finally:
        store.delete_bucket_policy(Bucket=name)
        for each in store.list_objects_v2(Bucket=name).get("Contents", []):
            store.delete_object(Bucket=name, Key=each["Key"])
        store.delete_bucket(Bucket=name)


def _role(engine: Engine, name: str, action: str, resource: str) -> Keys:
    """The keys of a role that may do one thing."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    own = {"Effect": "Allow", "Action": action, "Resource": resource}
    identity = engine.client("iam")
    made = identity.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]
    identity.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=_document(own))
    return engine.assume(made["Arn"])


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


QUIRKS = (
    Quirk("alarms_with_expressions", "CloudFormation makes alarms over expressions", _takes_expressions),
    Quirk("batches_of_messages", "sqs:SendMessage allows SendMessageBatch", _sends_batches),
    Quirk("keys_of_conditional_writes", "policies see whether a write is conditional", _knows_conditional_writes),
    Quirk("checksums_of_the_whole", "an upload in parts has a CRC32 of the whole", _counts_wholes),
    Quirk("updates_beside_invocations", "a function is updated beside what it is doing", _ends_what_is_under_way),
)
