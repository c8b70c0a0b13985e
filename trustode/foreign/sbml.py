"""SBML, levels 2 and 3: the part that is ordinary differential equations.

Imports the model layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ..errors import ModelError, listed
from ..model import Model, Param
from .mathml import DIGITS, TIME, Lambda, Reader, called, local
from .system import System, prose
from .tree import ONE, Node, add, div, mul, name, neg, number, substitute

#: Characters that an SBML document may have, and how deep its elements may be nested.
MAX_TEXT = 5_000_000
_DEEPEST = 400

#: Namespace of what `export` writes beside the model.
_ABOUT = "{urn:trustode:model:1}about"


def read_sbml(text: str, where: str) -> Model:
    """Read an SBML document.

    Parameters
    ----------
    text : str
    where : str
        What is being read, for messages.

    Raises
    ------
    ModelError
        If it is no SBML of level 2 or 3, or holds what is no ordinary differential
        equation: events, delays, algebraic rules, fast reactions.
    """
    root = _parsed(text, where)
    if local(root) != "sbml":
        raise ModelError(f"{where}: the document is {local(root)[:40]!r}, not SBML")
    if root.get("level") not in ("2", "3"):
        raise ModelError(
            f"{where}: SBML of level {root.get('level', '?')[:10]}; levels 2 and 3 are read. "
            "Convert it, for instance with libsbml"
        )
    for attribute, value in root.attrib.items():
        if attribute.endswith("}required") and value.strip() in _YES:
            package = attribute.partition("}")[0].split("/")[-2]
            raise ModelError(
                f"{where}: it needs SBML's package {package[:40]!r}, which is not read"
            )
    whole = next((part for part in root if local(part) == "model"), None)
    if whole is None:
        raise ModelError(f"{where}: the document holds no model")
    try:
        return _Document(whole, where, root.get("level") == "2").model()
    except RecursionError:
        raise ModelError(f"{where}: nested too deeply for a model") from None
    except ModelError as error:
        text = str(error)
        raise ModelError(text if text.startswith(where) else f"{where}: {text}") from None


def _parsed(text: str, where: str) -> Element:
    """Read XML that defines no entities, whatever they would become."""
    if len(text) > MAX_TEXT:
        raise ModelError(f"{where}: more than {MAX_TEXT} characters, too long for a model")
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8", "}")
    depth = 0

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise ModelError(f"{where}: elements nested more than {_DEEPEST} deep")
        builder.start(_qualified(tag), {_qualified(k): v for k, v in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_qualified(tag))

    def refuse(*_: object) -> None:
        raise ModelError(f"{where}: a document type or an entity is defined; SBML has none")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        raise ModelError(f"{where}: not XML: {error}") from None
    return builder.close()


def _qualified(tag: str) -> str:
    return f"{{{tag}" if "}" in tag else tag


class _Document:
    """The model of a document, as it is turned into a `System`."""

    def __init__(self, whole: Element, where: str, level_two: bool) -> None:
        self.whole = whole
        self.where = where
        self.level_two = level_two
        self.system = System()
        self.reader = Reader(where, {})
        #: Names that something has, of the file's and of ours.
        self.taken = {part.get("id", "") for part in whole.iter()}
        #: Size of each compartment as a name; None where it has no dimension.
        self.sizes: dict[str, Node | None] = {}

    def fail(self, what: str) -> ModelError:
        return ModelError(f"{self.where}: {what}")

    def listed(self, kind: str, parent: Element | None = None) -> Iterator[Element]:
        """Return the members of one of SBML's lists."""
        for part in self.whole if parent is None else parent:
            if local(part) == kind:
                yield from (member for member in part if local(member) not in _REMARKS)

    def model(self) -> Model:
        self._refuse()
        self._refuse_twice("id", *_IDENTIFIED)
        self._refuse_twice("variable", "listOfRules")
        self._refuse_twice("symbol", "listOfInitialAssignments")
        self._functions()
        # What a rule says comes first: it decides which quantities are constant.
        self.rates = dict(self._rules("rateRule"))
        self.assigned = dict(self._rules("assignmentRule"))
        self.starting = {
            self._identity(part, "symbol"): self._math(part, part.get("symbol"))
            for part in self.listed("listOfInitialAssignments")
        }
        for part in self.listed("listOfCompartments"):
            self._compartment(part)
        for part in self.listed("listOfParameters"):
            self._parameter(part)
        changes = self._reactions()
        for part in self.listed("listOfSpecies"):
            self._species(part, changes.pop(self._identity(part), []))
        for unknown in changes:
            raise self.fail(f"a reaction changes {unknown[:60]!r}, which is no species")
        system = self.system
        known = {*system.rhs, *system.params, *system.inputs, *system.definitions}
        for named in (*self.rates, *self.assigned, *self.starting):
            if named not in known and named not in system.starts:
                raise self.fail(f"a rule is for {named[:60]!r}, which is not in the model")
        about = _about(self.whole) or {
            "time_unit": prose(self.whole.get("timeUnits")),
            "description": prose(_notes(self.whole)),
        }
        title = self.whole.get("name") or self.whole.get("id") or "sbml"
        return system.model(
            prose(title) or "sbml",
            self.where,
            TIME,
            **{key: about.get(key, "") for key in ("time_unit", "description", "source")},
        )

    def _refuse(self) -> None:
        """Raise for what is no ordinary differential equation."""
        events = [e.get("id") or e.get("name") or "unnamed" for e in self.listed("listOfEvents")]
        if events:
            raise self.fail(
                f"it has events ({listed(events)}), which are not read. Take them out, and give "
                "them to tr.simulate as events=[tr.Event(...)]"
            )
        for rule in self.listed("listOfRules"):
            if local(rule) == "algebraicRule":
                named = {(part.text or "").strip() for part in rule.iter() if local(part) == "ci"}
                raise self.fail(
                    f"it has an algebraic rule (of {listed(sorted(named - called(rule)))}), which "
                    "is no differential equation. Solve it for one name, and make that its "
                    "assignment rule"
                )

    def _refuse_twice(self, attribute: str, *kinds: str) -> None:
        """Raise where a name stands twice: the later would quietly take the place of the first."""
        seen = dict[str, str]()
        for part in (member for kind in kinds for member in self.listed(kind)):
            given, tag = part.get(attribute, ""), local(part)
            if given and given in seen:
                raise self.fail(
                    f"the {attribute} {given[:60]!r} stands twice, in {seen[given]!r:.60} and in "
                    f"{tag!r:.60}. SBML has each once; rename or drop one"
                )
            seen[given] = tag

    def _functions(self) -> None:
        parts = {
            self._identity(part): self._element(part, "math")
            for part in self.listed("listOfFunctionDefinitions")
        }
        uses = {identity: called(part) & parts.keys() for identity, part in parts.items()}
        made: dict[str, Lambda] = {}
        try:
            for identity in TopologicalSorter(uses).static_order():
                reader = Reader(f"{self.where}: function {identity!r}", made)
                made[identity] = reader.definition(parts[identity])
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise self.fail(f"a function calls itself: {circle}") from None
        self.reader = Reader(self.where, made)

    def _rules(self, kind: str) -> Iterator[tuple[str, Node]]:
        for rule in self.listed("listOfRules"):
            if local(rule) == kind:
                yield self._identity(rule, "variable"), self._math(rule, rule.get("variable"))

    def _compartment(self, part: Element) -> None:
        identity = self._identity(part)
        flat = part.get("spatialDimensions") in ("0", "0.0")
        self.sizes[identity] = None if flat else name(identity)
        if flat:
            return
        self._quantity(part, "size", 1.0 if self.level_two else None)
        self.system.optional.add(identity)

    def _parameter(self, part: Element) -> None:
        self._quantity(part, "value", None)

    def _quantity(self, part: Element, attribute: str, default: float | None) -> None:
        """Take in a compartment or a parameter."""
        identity, system, about = self._identity(part), self.system, _about(part)
        value = None if self._overridden(identity) else self._float(part, attribute, default)
        meaning = about.get("meaning", prose(part.get("name")))
        low, high = (self._edge(about.get(key, edge)) for key, edge in _EDGES)
        bounded = low > -math.inf or high < math.inf
        if about.get("kind") == "input" and value is not None:
            system.inputs[identity] = value
            if bounded:
                system.bounds[identity] = (low, high)
        elif identity in self.assigned:
            system.definitions[identity] = self.assigned[identity]
            system.shown.append(identity)
        elif identity in self.rates:
            start = self._exact(part, attribute)
            if start is None and value is not None:
                start = number(value)
            self._state(identity, self.rates[identity], start)
            if bounded:
                system.bounds[identity] = (low, high)
        elif identity in self.starting:
            self._fixed(identity, self.starting[identity])
        elif value is not None:
            unit = about.get("unit", prose(part.get("units")))
            theme, source = about.get("theme", ""), about.get("source", "")
            system.params[identity] = Param(value, unit, low, high, meaning, theme, source)
        system.meanings[identity] = meaning

    def _overridden(self, identity: str) -> bool:
        """Tell whether the value on something's own line does not count."""
        return identity in self.assigned or identity in self.starting

    def _state(self, identity: str, rate: Node, start: Node | None) -> None:
        """Take in a state, at its initial assignment or else at what its own line says."""
        begin = self.starting.get(identity, start)
        if begin is None:
            raise self.fail(f"{identity!r} has no value to start at. Give it one")
        self.system.rhs[identity] = rate
        self.system.starts[identity] = begin

    def _fixed(self, identity: str, start: Node) -> None:
        """Take in what stays at a value that is worked out at the start."""
        self.system.starts[identity] = start
        self.system.shown.append(identity)

    def _free(self, wanted: str) -> str:
        """Return a name for something that the file has no name for."""
        while wanted in self.taken:
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    def _species(self, part: Element, changes: list[Node]) -> None:
        identity, system = self._identity(part), self.system
        place = part.get("compartment", "")
        if place not in self.sizes:
            raise self.fail(f"species {identity!r} is in {place[:60]!r}, which is no compartment")
        # The symbol stands for an amount, or for an amount over the compartment's size.
        amounts = _holds(part, "hasOnlySubstanceUnits")
        size = None if amounts else self.sizes[place]
        start = None
        if not self._overridden(identity):
            start = self._started(part, amounts, self.sizes[place])
        system.meanings[identity] = prose(part.get("name"))
        if identity in self.assigned:
            system.definitions[identity] = self.assigned[identity]
            system.shown.append(identity)
            return
        if identity in self.rates:
            self._state(identity, self.rates[identity], start)
            return
        begin = self.starting.get(identity, start)
        if begin is None:
            raise self.fail(f"species {identity!r} has no value to start at. Give it one")
        rate = None
        if changes and not (_holds(part, "boundaryCondition") or _holds(part, "constant")):
            factor = part.get("conversionFactor") or self.whole.get("conversionFactor")
            rate = mul(name(factor) if factor else ONE, add(*changes))
        value = None if identity in self.starting else _constant(begin)
        if size is not None and (place in self.rates or place in self.assigned):
            # Where the size changes, what stays or reacts is the amount.
            amount = self._free(f"{identity}_amount")
            system.starts[amount] = mul(begin, size)
            if rate is not None:
                system.rhs[amount] = rate
            system.definitions[identity] = div(name(amount), size)
            system.shown.append(identity)
        elif rate is not None:
            self._state(identity, rate if size is None else div(rate, size), start)
        elif value is None:
            self._fixed(identity, begin)
        else:
            unit, meaning = prose(part.get("substanceUnits")), system.meanings[identity]
            system.params[identity] = Param(value, unit, meaning=meaning)

    def _started(self, part: Element, amounts: bool, size: Node | None) -> Node | None:
        """Return a species' start in what its symbol stands for."""
        amount = self._float(part, "initialAmount", None)
        concentration = self._float(part, "initialConcentration", None)
        if amount is not None:
            value = number(amount)
            return value if amounts or size is None else div(value, size)
        if concentration is None:
            return None
        value = number(concentration)
        return mul(value, size) if amounts and size is not None else value

    def _reactions(self) -> dict[str, list[Node]]:
        """Return how reactions change the amount of each species."""
        changes: dict[str, list[Node]] = {}
        for reaction in self.listed("listOfReactions"):
            identity = self._identity(reaction)
            if _holds(reaction, "fast"):
                raise self.fail(f"reaction {identity!r} is fast, which is no differential equation")
            law = next((part for part in reaction if local(part) == "kineticLaw"), None)
            if law is None:
                raise self.fail(f"reaction {identity!r} has no kinetic law")
            self.system.definitions[identity] = self._law(identity, law)
            for kind, sign in (("listOfReactants", -1), ("listOfProducts", 1)):
                for reference in self.listed(kind, reaction):
                    count = self._stoichiometry(reference)
                    change = mul(count, name(identity))
                    species = self._identity(reference, "species")
                    changes.setdefault(species, []).append(neg(change) if sign < 0 else change)
        return changes

    def _law(self, identity: str, law: Element) -> Node:
        """Return a rate, its own parameters under names of their own."""
        own: dict[str, Node] = {}
        for kind in ("listOfLocalParameters", "listOfParameters"):
            for part in self.listed(kind, law):
                local_name = self._identity(part)
                value = self._float(part, "value", None)
                if value is None:
                    raise self.fail(f"parameter {local_name!r} of {identity!r} has no value")
                meaning, unit = prose(part.get("name")), prose(part.get("units"))
                new = self._free(f"{identity}_{local_name}")
                self.system.params[new] = Param(value, unit, meaning=meaning)
                own[local_name] = name(new)
        return substitute(self._math(law, identity), own)

    def _stoichiometry(self, reference: Element) -> Node:
        """Return how many of a species a reaction takes or gives."""
        for part in reference:
            if local(part) == "stoichiometryMath":
                return self._math(part, reference.get("species"))
        system, identity = self.system, reference.get("id", "")
        if identity in self.assigned:
            system.definitions[identity] = self.assigned[identity]
            system.shown.append(identity)
            return name(identity)
        count = self._float(reference, "stoichiometry", 1.0 if self.level_two else None)
        value = None
        if count is not None:
            value = number(int(count)) if count == int(count) else number(count)
        if identity in self.rates:
            self._state(identity, self.rates[identity], value)
        elif identity in self.starting:
            self._fixed(identity, self.starting[identity])
        elif value is None:
            raise self.fail(f"{reference.get('species')!r} in a reaction has no stoichiometry")
        elif identity:
            system.definitions[identity] = value
        else:
            return value
        return name(identity)

    def _identity(self, part: Element, attribute: str = "id") -> str:
        found = part.get(attribute)
        if not found or not found.replace("_", "a").isalnum() or not found.isascii():
            raise self.fail(f"a {local(part)} without a right {attribute}: {found!r:.60}")
        return found

    def _element(self, part: Element, tag: str) -> Element:
        found = next((inner for inner in part if local(inner) == tag), None)
        if found is None:
            raise self.fail(f"a {local(part)} without {tag}")
        return found

    def _math(self, part: Element, of: str | None) -> Node:
        reader = replace(self.reader, where=f"{self.where}: {local(part)} of {of!r:.60}")
        return reader.math(self._element(part, "math"))

    def _edge(self, text: str) -> float:
        """Return an edge of a range."""
        if text not in ("inf", "-inf") and not DIGITS.match(text):
            raise self.fail(f"the edge of a range is {text[:40]!r}")
        return float(text)

    def _exact(self, part: Element, attribute: str) -> Node | None:
        """Return a number as it is written: 2 is not 2.0."""
        text = part.get(attribute)
        return number(text.strip().removeprefix("+")) if text else None

    def _float(self, part: Element, attribute: str, default: float | None) -> float | None:
        text = part.get(attribute)
        if text is None:
            return default
        value = float(text) if DIGITS.match(text.strip()) else math.nan
        if not math.isfinite(value):
            raise self.fail(f"{local(part)} {part.get('id')!r:.60}: {attribute} is {text!r:.40}")
        return value


_EDGES = (("min", "-inf"), ("max", "inf"))
#: Whose members share one space of names.
_IDENTIFIED = (
    *("listOfFunctionDefinitions", "listOfCompartments", "listOfSpecies", "listOfParameters"),
    "listOfReactions",
)
#: What any element may hold beside what it is about.
_REMARKS = ("notes", "annotation")
#: What XML Schema has for true.
_YES = ("true", "1")


def _holds(part: Element, attribute: str) -> bool:
    """Tell whether an attribute is there and true."""
    return part.get(attribute, "").strip() in _YES


def _constant(node: Node) -> float | None:
    """Return the value of a number's node."""
    if node.kind == "neg":
        inner = _constant(node.operands[0])
        return None if inner is None else -inner
    return float(node.text) if node.kind == "number" else None


def _about(part: Element) -> dict[str, str]:
    """Return what `export` wrote beside a quantity."""
    for inner in part:
        if local(inner) == "annotation":
            for about in inner:
                if about.tag == _ABOUT:
                    return dict(about.attrib)
    return {}


def _notes(part: Element) -> str:
    """Return the notes for readers as plain text."""
    for inner in part:
        if local(inner) == "notes":
            return " ".join("".join(inner.itertext()).split())
    return ""
