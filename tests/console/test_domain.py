import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.api_token import ID_BYTES, SECRET_BYTES, ApiToken
from console.domain.connecting import wrong_fields
from console.domain.roles import PERMISSIONS, READING, Role, permissions

tokens = st.builds(
    ApiToken.made_of,
    st.binary(min_size=ID_BYTES, max_size=ID_BYTES),
    st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
)


@given(tokens)
def test_a_token_is_read_as_it_was_written(token: ApiToken) -> None:
    assert ApiToken.parse(token.text) == token
    assert token.secret not in repr(token)


@given(st.text())
def test_any_other_text_is_no_token(text: str) -> None:
    found = ApiToken.parse(text)
    assert found is None or found.text == text


@given(tokens, st.text(min_size=1, max_size=3))
def test_nothing_may_stand_around_a_token(token: ApiToken, more: str) -> None:
    assert ApiToken.parse(token.text + more) is None
    assert ApiToken.parse(more + token.text) is None
    assert ApiToken.parse(token.text.upper()) is None


@given(tokens, tokens)
def test_only_its_own_digest_is_proven(one: ApiToken, other: ApiToken) -> None:
    assert one.proves(one.digest)
    assert one.proves(other.digest) == (one.secret == other.secret)


def test_a_token_of_too_few_random_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ApiToken.made_of(b"\0" * ID_BYTES, b"short")


@given(st.sampled_from(Role), st.none() | st.sets(st.sampled_from(sorted(PERMISSIONS))), st.booleans())
def test_a_scope_only_ever_narrows_a_role(role: Role, scope: set[str] | None, installation: bool) -> None:
    whole = permissions(role, None, installation=installation)
    assert permissions(role, scope, installation=installation) <= whole
    assert "self.read" in permissions(role, scope, installation=installation)


def test_roles_are_what_they_say() -> None:
    assert permissions(Role.VIEWER, None, installation=False) == READING
    assert "tenants.write" not in permissions(Role.OWNER, None, installation=False)
    assert permissions(Role.OWNER, None, installation=True) == PERMISSIONS
    assert "runs.approve" in permissions(Role.APPROVER, None, installation=False)
    assert "runs.approve" not in permissions(Role.OPERATOR, None, installation=False)
    assert "tokens.write" not in permissions(Role.ADMIN, None, installation=False)


@pytest.mark.requirement("R5")
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, []),
        ({"company_id": "acme.example/x"}, ["company_id"]),
        ({"company_id": ""}, ["company_id"]),
        ({"public_key": "acme+abcdefghijklmnop"}, ["public_key"]),
        ({"private_key": "two words"}, ["private_key"]),
        ({"private_key": "key\nkey"}, ["private_key"]),
        ({"private_key": ""}, ["private_key"]),
        ({"private_key": None}, []),
        ({"public_key": "0f7c1a52-6f5e-4a35-9c1f-b1a0f0a3c1de", "client_id": "abcdefgh"}, ["public_key"]),
        ({"client_id": "ключ"}, ["client_id"]),
        ({"client_id": "a" * 201}, ["client_id"]),
    ],
)
def test_what_was_typed_is_judged_field_by_field(fields: dict[str, str | None], wrong: list[str]) -> None:
    typed = {
        "company_id": "acme_f",
        "public_key": "abcdefghijklmnop",
        "private_key": "qrstuvwxyz123456",
        "client_id": "0f7c1a52-6f5e-4a35-9c1f-b1a0f0a3c1de",
        **fields,
    }
    assert [found.field for found in wrong_fields(**typed)] == wrong  # type: ignore[arg-type]
