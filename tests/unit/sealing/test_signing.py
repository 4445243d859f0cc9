"""On AWS a key of KMS signs the digest of a seal, and openssl reads its public half."""

from __future__ import annotations

import hashlib

import boto3
from moto import mock_aws

from functions.archiver.aws.engine import KmsSigner
from functions.archiver.sealing.signing import pem_of, public_key_name
from functions.archiver.settings.parameters import signing_alias
from ops.seals.openssl import der_of, verifies
from tests.doubles.aws import REGION


def test_kms_gets_the_digest_alone_and_its_signature_is_one_of_that_key() -> None:
    with mock_aws():
        kms = boto3.client("kms", REGION, aws_access_key_id="test", aws_secret_access_key="test")
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=signing_alias("recordings"), TargetKeyId=key)
        signer = KmsSigner(kms, signing_alias("recordings"))
        body, pem = b"a seal", pem_of(signer.public_key())
        assert der_of(pem) == signer.public_key()
        # moto takes what it is given for the message, whatever MessageType says, and hashes it once more.
        assert verifies(pem, hashlib.sha256(body).digest(), signer.sign(body))
        assert not verifies(pem, hashlib.sha256(b"another").digest(), signer.sign(body))


def test_a_public_key_is_named_by_its_own_digest() -> None:
    name = public_key_name(b"key")
    assert name == f"seals/public-key-{hashlib.sha256(b'key').hexdigest()[:16]}.pem"
