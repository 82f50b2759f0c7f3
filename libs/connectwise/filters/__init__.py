"""Filters and orders, built from typed names and values."""

from connectwise.filters import where
from connectwise.filters.children import ChildCondition, CustomFieldCondition, custom_field
from connectwise.filters.conditions import Condition, ConditionTooLong, UnsafeText
from connectwise.filters.fields import Order

__all__ = [
    "ChildCondition",
    "Condition",
    "ConditionTooLong",
    "CustomFieldCondition",
    "Order",
    "UnsafeText",
    "custom_field",
    "where",
]
