"""A YAML text as plain values whose mappings and lists know the lines of what they hold.

It is read event by event, without recursion: the library's own composer follows nesting down the stack until the
process dies, and aliases of aliases would fill the memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

LARGEST = 32_000_000  # bytes
DEEPEST = 40  # a scenario needs ten
MOST = 3_000_000  # values, an alias counted as all it stands for; 60,000 additions in full are 900,000
_LONGEST_NUMBER = 40  # digits

Location = tuple[str | int, ...]


class DocumentError(Exception):
    """What is wrong, with the line and the key where it is."""

    def __init__(self, line: int, at: Location, rule: str) -> None:
        super().__init__(rule)
        self.line = line
        self.at = at
        self.rule = rule


class Mapping(dict[str, Any]):
    """A mapping and the line of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class Sequence(list[Any]):
    """A list and the line of each item."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def read_document(text: str | bytes) -> Any:
    """The values of a YAML (or JSON) text: fractions are `Decimal`, dates stay text. Raises DocumentError."""
    if len(text) > LARGEST:
        raise DocumentError(1, (), f"larger than {LARGEST // 1_000_000} MB")
    try:
        return _Reader(_Loader(text)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(mark.line + 1 if mark else 1, (), f"not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DocumentError(1, (), f"not YAML: {' '.join(str(error).split())}") from None


def line_of(document: Any, at: Location) -> int:
    """The line of a key; for one that is not there, of the nearest thing around it."""
    line = 1
    for step in at:
        try:
            line, document = document.lines[step], document[step]
        except (AttributeError, LookupError, TypeError):
            break
    return line


_Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the compiled one reads ten times as fast


class _Loader(_Base):  # type: ignore[misc, valid-type]
    """Dates stay what was written: their check names the key."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the class above declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }


def _whole(loader: Any, node: yaml.ScalarNode) -> int:
    return int(loader.construct_yaml_int(node))


def _decimal(_loader: Any, node: yaml.ScalarNode) -> Decimal:
    return Decimal(node.value.replace("_", ""))


_SCALARS: dict[str, Callable[[Any, yaml.ScalarNode], Any]] = {
    "null": lambda _loader, _node: None,
    "bool": lambda loader, node: loader.construct_yaml_bool(node),
    "int": _whole,
    "float": _decimal,
    "str": lambda _loader, node: node.value,
    "merge": lambda _loader, node: node.value,
    "value": lambda _loader, node: node.value,
}
_PREFIX = "tag:yaml.org,2002:"
_COLLECTIONS = (None, "!", f"{_PREFIX}map", f"{_PREFIX}seq")


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end was not seen yet."""

    held: Any
    line: int
    anchor: str | None
    key: str | None = None
    key_line: int = 0
    merges: bool = False  # what follows is merged into it
    merged: list[Mapping] = field(default_factory=list)
    size: int = 1


class _Reader:
    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._read: dict[str, Any] = {}  # plain words seen before
        self._roots: list[Any] = []
        self._total = 0
        self._line = 1

    def document(self) -> Any:
        while self._loader.check_event():
            event = self._loader.get_event()
            self._line = event.start_mark.line + 1
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._begin(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event.anchor)
        if len(self._roots) > 1:
            raise self._refusal("one document a file, not several")
        return self._roots[0] if self._roots else None

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value
        top = self._open[-1] if self._open else None
        if top is not None and top.key is None and isinstance(top.held, Mapping):
            self._begin_key(top, text, merges=text == "<<" and event.implicit[0])
            return
        if event.implicit[0] and text in self._read:
            value = self._read[text]
        else:
            value = self._value(event)
            if event.implicit[0]:
                self._read[text] = value
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._place(value, 1, 1)

    def _value(self, event: yaml.ScalarEvent) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        make = _SCALARS.get(tag.removeprefix(_PREFIX))
        if make is None:
            raise self._refusal(f"a value of type {tag} has no place here")
        node = yaml.ScalarNode(tag, event.value)
        if make in (_whole, _decimal) and len(event.value) > _LONGEST_NUMBER:
            raise self._refusal(f"a number of more than {_LONGEST_NUMBER} digits")
        try:
            return make(self._loader, node)
        except (ValueError, ArithmeticError, LookupError):
            raise self._refusal(f"'{event.value}' is not a number") from None

    def _begin_key(self, top: _Open, key: str, *, merges: bool) -> None:
        if key in top.held and not merges:
            first = top.held.lines[key]
            raise DocumentError(self._line, (*self._at(), key), f"the key is given twice, first in line {first}")
        top.key, top.key_line, top.merges = key, self._line, merges

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if event.tag not in _COLLECTIONS:
            raise self._refusal(f"a value of type {event.tag} has no place here")
        if len(self._open) == DEEPEST:
            raise self._refusal(f"nested deeper than {DEEPEST} levels")
        top = self._open[-1] if self._open else None
        if top is not None and top.key is None and isinstance(top.held, Mapping):
            raise self._refusal("a key is a word")
        held = Mapping() if isinstance(event, yaml.MappingStartEvent) else Sequence()
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open(held, self._line, event.anchor))

    def _end(self) -> None:
        ended = self._open.pop()
        if isinstance(ended.held, Mapping):
            for other in ended.merged:  # own keys win, then the first that is named
                for key, value in other.items():
                    if key not in ended.held:
                        ended.held[key], ended.held.lines[key] = value, other.lines[key]
        if ended.anchor is not None:
            self._anchors[ended.anchor] = (ended.held, ended.size)
        self._line = ended.line
        self._place(ended.held, ended.size, 1)

    def _alias(self, name: str | None) -> None:
        if name is None or name not in self._anchors:
            raise self._refusal(f"there is no finished &{name} before *{name}")
        value, size = self._anchors[name]
        self._place(value, size, size)

    def _place(self, value: Any, size: int, new: int) -> None:
        """Put a finished value where it belongs. An alias counts all that would be made of it, again and again."""
        self._total += new
        if self._total > MOST:
            raise self._refusal(f"more than {MOST:,} values, aliases included")
        if not self._open:
            self._roots.append(value)
            return
        top = self._open[-1]
        top.size += size
        if isinstance(top.held, Sequence):
            top.held.append(value)
            top.held.lines.append(self._line)
        elif top.key is None:
            raise self._refusal("a key is a word")
        elif top.merges:
            others = value if isinstance(value, Sequence) else [value]
            if not all(isinstance(other, Mapping) for other in others):
                raise self._refusal("only mappings can be merged")
            top.merged += others
            top.key = None
        else:
            top.held[top.key], top.held.lines[top.key] = value, top.key_line
            top.key = None

    def _at(self) -> Location:
        """The key of what is being read."""
        at: list[str | int] = []
        for one in self._open:
            if isinstance(one.held, Sequence):
                at.append(len(one.held))
            elif one.key is not None:
                at.append(one.key)
        return tuple(at)

    def _refusal(self, rule: str) -> DocumentError:
        return DocumentError(self._line, self._at(), rule)
