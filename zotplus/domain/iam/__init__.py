"""The policy language and its one evaluator: AWS-IAM-style statements, explicit deny wins, no match denies.

Spec: AWS IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference". Differences: resources are
named ``s3:bucket/key``, ``oci:repository`` and ``admin:name``; ``*`` matches any run of characters, ``/`` included, so
that ``oci:team/*`` and ``oci:team/**`` mean the same; principals have the names that grants use.
"""

from zotplus.domain.iam.advice import PolicyWarning, WarningCode, warnings
from zotplus.domain.iam.conditions.keys import CONDITION_KEYS, ConditionKey, condition_key
from zotplus.domain.iam.conditions.operators import OPERATORS, Operator, ValueType
from zotplus.domain.iam.evaluation import PolicySet, ResourceStatements
from zotplus.domain.iam.language import (
    NO_ATTRIBUTES,
    VERSION,
    Allowed,
    Attributes,
    ConditionBlock,
    Decision,
    Denied,
    Effect,
    Layer,
    Need,
    NoAttributes,
    Policy,
    PolicyKind,
    Statement,
    unreadable,
)
from zotplus.domain.iam.reading import parse_policy, policy_text
from zotplus.domain.iam.resource_policies import NamedStatements, ResourcePolicies
from zotplus.domain.iam.validation import validate

__all__ = [
    "CONDITION_KEYS",
    "NO_ATTRIBUTES",
    "OPERATORS",
    "VERSION",
    "Allowed",
    "Attributes",
    "ConditionBlock",
    "ConditionKey",
    "Decision",
    "Denied",
    "Effect",
    "Layer",
    "NamedStatements",
    "Need",
    "NoAttributes",
    "Operator",
    "Policy",
    "PolicyKind",
    "PolicySet",
    "PolicyWarning",
    "ResourcePolicies",
    "ResourceStatements",
    "Statement",
    "ValueType",
    "WarningCode",
    "condition_key",
    "parse_policy",
    "policy_text",
    "unreadable",
    "validate",
    "warnings",
]
