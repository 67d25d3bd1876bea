import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.iam import Allowed, Effect, Need, Policy, PolicySet, Statement
from zotplus.domain.iam.patterns import Variable, Wildcard, filled, fixed_matches, is_wider, matches, parts_of


def test_a_text_is_taken_apart_into_plain_text_wildcards_and_variables():
    assert parts_of("a*?${aws:UserName}b", variables=True) == (
        "a",
        Wildcard.RUN,
        Wildcard.ONE,
        Variable("aws:username"),
        "b",
    )
    assert parts_of("a*${x:y}", variables=False) == ("a", Wildcard.RUN, "${x:y}")
    assert parts_of("a*", variables=False, wildcards=False) == ("a*",)
    assert parts_of("a*${$}", variables=True, wildcards=False) == ("a", "*", "$")
    assert parts_of("***", variables=True) == (Wildcard.RUN,)
    assert parts_of("${x:y, 'a b'}", variables=True) == (Variable("x:y", "a b"),)


@pytest.mark.parametrize(
    "text", ["${", "a${b", "${}", "${a b}", "${a, b}", "${a, 'b'", "${a,'b}", "${**}", "${'a'}", "${a${b}}"]
)
def test_what_begins_like_a_variable_and_is_none_is_an_error(text):
    with pytest.raises(ValueError, match="\\$"):
        parts_of(text, variables=True)


def test_what_a_caller_can_choose_is_never_a_wildcard():
    parts = parts_of("s3:home/${aws:username}/*", variables=True)
    star = filled(parts, lambda _key: ("*",))
    assert fixed_matches(star, "s3:home/*/x")
    assert not fixed_matches(star, "s3:home/alice/x")
    assert fixed_matches(filled(parts_of("${a:b}?", variables=True), lambda _key: ("?",)), "?x")


def test_a_variable_without_value_or_with_several_has_none_but_its_default():
    parts = parts_of("${a:b}", variables=True)
    assert filled(parts, lambda _key: None) is None
    assert filled(parts, lambda _key: ("x", "y")) is None
    assert filled(parts, lambda _key: ()) is None
    assert filled(parts_of("${a:b, ''}", variables=True), lambda _key: None) == ("",)


@pytest.mark.parametrize(
    ("pattern", "text", "is_so"),
    [
        ("*a*a*", "a", False),
        ("*a*a*", "aa", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*b*b", "b", False),
        ("*b*b", "abcb", True),
        ("a*b*c", "abbc", True),
        ("a*b*c", "ac", False),
        ("a*b*c", "acb", False),
        ("*", "", True),
        ("?*?", "a", False),
        ("?*?", "ab", True),
        ("*?b*", "ab", True),
        ("*?b*", "b", False),
    ],
)
def test_parts_between_stars_do_not_overlap(pattern, text, is_so):
    assert matches(pattern, text) is is_so


@given(st.text("ab*", max_size=6), st.text("ab*?$", max_size=6), st.text("ab", max_size=6))
def test_a_wider_pattern_matches_whatever_the_narrower_does(wide, narrow, text):
    if is_wider(wide, narrow) and matches(narrow, text):
        assert matches(wide, text)


@pytest.mark.parametrize(
    ("wide", "narrow", "is_so"),
    [
        ("s3:*", "s3:a/${aws:username}", True),
        ("*{aws*", "s3:${aws:username}", False),
        ("s3:?", "s3:?", True),
        ("s3:?", "s3:a", False),
        ("s3:${aws:username}", "s3:${aws:username}", True),
        ("s3:${aws:username}*", "s3:${aws:username}", False),
        ("s3:a*", "s3:*", False),
    ],
)
def test_widths_with_variables_and_question_marks(wide, narrow, is_so):
    assert is_wider(wide, narrow) is is_so


def decision(resource, effect=Effect.ALLOW, *, inverse=False, known=None):
    field = {"not_resource" if inverse else "resource": (resource,) if resource else ()}
    rows = (
        Statement(effect=effect, action=("*",), **field),
        Statement(effect=Effect.ALLOW, action=("*",), resource=("*",)),
    )[: 2 if effect is Effect.DENY else 1]

    class Known:
        def values(self, key):
            return (known or {}).get(key)

    other = Statement(effect=Effect.ALLOW, action=("*",), resource=("oci:x",))
    need = Need("s3:GetObject", "s3:b/k")
    few = PolicySet(Policy(statement=rows, version="2012-10-17"))
    many = PolicySet(Policy(statement=(*rows, *[other] * 20), version="2012-10-17"))
    answers = {isinstance(policies.decide(need, Known()), Allowed) for policies in (few, many)}
    assert len(answers) == 1
    return answers.pop()


def test_a_resource_that_cannot_be_read_allows_nothing_and_denies_everything():
    for resource in ("oci:${unclosed", ""):
        for inverse in (False, True):
            assert not decision(resource, inverse=inverse)
            assert not decision(resource, Effect.DENY, inverse=inverse)


def test_not_resource_with_a_variable_without_value_denies_and_never_allows():
    assert not decision("s3:${aws:username}/k", inverse=True)
    assert not decision("s3:${aws:username}/k", Effect.DENY, inverse=True)
    assert decision("s3:${aws:username}/k", inverse=True, known={"aws:username": ("a",)})
    assert not decision("s3:${aws:username}/k", inverse=True, known={"aws:username": ("b",)})
    assert decision("s3:${aws:username}/k", Effect.DENY, known={})


def test_a_statement_without_actions_denies_and_never_allows():
    allows = Policy(statement=(Statement(effect=Effect.ALLOW, resource=("*",)),))
    everything = Policy(statement=(Statement(effect=Effect.ALLOW, action=("*",), resource=("*",)),))
    denies = Policy(statement=(Statement(effect=Effect.DENY, resource=("*",)),))
    need = Need("s3:GetObject", "s3:b/k")
    assert not isinstance(PolicySet(allows).decide(need), Allowed)
    assert not isinstance(PolicySet(everything, denies).decide(need), Allowed)
