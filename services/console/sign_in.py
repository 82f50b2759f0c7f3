"""Who shows an API token, and for which tenant they may act."""

from console import store
from console.domain.api_token import ApiToken
from console.domain.roles import permissions
from contracts.values import TenantId
from messaging import NOBODY
from servicekit import Principal, Problem
from storage import Database


class SignIn:
    """API tokens to callers."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def caller(self, authorization: str, wanted_tenant: str) -> Principal:
        """The caller behind an authorization header and an X-Tenant header, each possibly empty.

        An operator that names no tenant acts for NOBODY: no tenant's rows are theirs then.

        Raises:
            Problem: 401 for a token that is none, revoked or expired; 403 or 404 for a tenant that is not theirs.
        """
        scheme, _, text = authorization.partition(" ")
        token = ApiToken.parse(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise Problem(401, "unauthenticated", "an API token is needed, as Authorization: Bearer psab_...")
        # Whose it is, is what the token says: there is no tenant yet to look it up for.
        async with self._db.all_tenants() as tx:
            known = await store.known_token(tx, token.token_id)
            if known is None or not token.proves(known.secret_digest):
                raise Problem(401, "unauthenticated", "the API token is unknown or wrong")
            if known.revoked:
                raise Problem(401, "token_revoked", f"the API token {known.token_id} was revoked")
            if known.expired:
                raise Problem(401, "token_expired", f"the API token {known.token_id} has expired")
            operator = known.tenant_id == NOBODY
            tenant_id = TenantId(wanted_tenant or known.tenant_id)
            if tenant_id != known.tenant_id:
                if not operator:
                    raise Problem(403, "forbidden", "this token belongs to another tenant than X-Tenant names")
                if not await store.tenant_exists(tx, tenant_id):
                    raise Problem(404, "unknown_tenant", "there is no tenant of the name in X-Tenant")
            if known.use_is_news:
                await store.note_use(tx, token.token_id)
        return Principal(
            tenant_id,
            f"{known.name} (token {known.token_id})",
            permissions(known.role, known.scope, installation=operator),
            operator,
        )
