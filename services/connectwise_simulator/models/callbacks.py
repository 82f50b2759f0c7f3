"""Registered callbacks. Field notation: see `schema.model`."""

from connectwise_simulator.schema import model

CALLBACK_ENTRY = model(
    "CallbackEntry",
    """
    id=:int description:text100 url*:text objectId*:int type*:text level*:text memberId=:int payloadVersion:text
    inactiveFlag:flag isSoapCallbackFlag:flag isSelfSuppressedFlag:flag connectWiseID=:text
    """,
)
