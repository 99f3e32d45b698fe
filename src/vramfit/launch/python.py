"""Reading of a Python script: the calls that it makes, in their order, with the arguments that its text states.

Nothing is run or imported. Names are followed through assignments, functions of the script and the defaults of its options
(``argparse``, dataclasses, ``fire``), which the words behind the script replace; a value that the text does not state is
unknown, like a variable of a shell that is not set.
"""

from __future__ import annotations

import ast

from vramfit.errors import UsageError
from vramfit.launch.code import LONGEST, Call, Reference, arithmetic, is_open, is_unknown, literal, options, unknown
from vramfit.launch.words import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_CHARACTERS = 2**18
"""Length of a script that is read."""
MOST_CALLS = 2000
"""Number of calls, of the script's own functions too, that are followed."""
MOST_STEPS = 2**17
"""Number of expressions that are read, those of a function each time it is called."""
DEEPEST = 12
"""Number of the script's own functions inside one another."""
EQUALITIES = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)


def is_code(text: str) -> bool:
    """True for text that begins with an import of Python, comments left aside."""
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            behind = words[3:4] if words[0] == "from" and words[2:3] == ["import"] else ()
            return bool(behind) or (words[0] == "import" and len(words) > 1 and not words[1].startswith("-"))
    return False


def calls(text: str, variables: Mapping[str, str], words: Sequence[str] = ()) -> tuple[Call, ...]:
    """Calls that a script makes, those inside an argument first; ``words`` stand behind the script.

    Raises ``UsageError`` for text that is no Python.
    """
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"the script has {len(text):,} characters, more than {MOST_CHARACTERS:,}",
            "give the part that loads a model",
        )
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of code that is odd, which is not ours to say
            tree = ast.parse(text)
        reader = _Reader(variables, words)
        reader.module(tree)
    except SyntaxError as error:
        raise UsageError(
            f"cannot read the script: line {error.lineno} is no Python", "give a script of Python"
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise UsageError("cannot read the script", "give the part that loads a model") from None
    return (*reader.found, *[Call("#", (), {"text": comment}) for comment in _comments(text)])


def _comments(text: str) -> list[str]:
    """Comments that stand behind code on a line."""
    import io
    import tokenize

    return [
        token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip()
    ]


class _Reader:
    """Reading of one script from top to bottom."""

    def __init__(self, variables: Mapping[str, str], words: Sequence[str]) -> None:
        self.environment = variables
        self.words = words
        self.options = options(words)
        self.stated = frozenset(self.options)
        self.imports: dict[str, str] = {}
        self.values: dict[str, object] = {"__name__": "__main__"}
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.entered: set[str] = set()
        self.found: list[Call] = []
        self.calls = self.steps = self.depth = 0
        self.returned: object = None
        self.lengths: dict[int, tuple[object, int]] = {}

    def module(self, tree: ast.Module) -> None:
        """Read a whole script, and then its functions that nothing in it calls."""
        self._body(tree.body)
        for name, function in list(self.functions.items()):
            if name not in self.entered:
                self._enter(name, function, (), {})

    def _body(self, statements: list[ast.stmt]) -> None:
        for one in statements:
            self._statement(one)

    def _statement(self, one: ast.stmt) -> None:
        if isinstance(one, ast.Import):
            for name in one.names:
                self.imports[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(one, ast.ImportFrom):
            for name in one.names:
                self.imports[name.asname or name.name] = f"{one.module}.{name.name}" if one.module else name.name
        elif isinstance(one, ast.Assign):
            value = self._value(one.value)
            for target in one.targets:
                self._assign(target, value)
        elif isinstance(one, ast.AnnAssign):
            self._assign(one.target, None if one.value is None else self._value(one.value))
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions[one.name] = one
        elif isinstance(one, ast.ClassDef):
            self._class(one)
        elif isinstance(one, ast.If):
            test = self._value(one.test)
            branches = [one.body, one.orelse] if is_open(test) else [one.body if test else one.orelse]
            for branch in branches:
                self._body(branch)
        elif isinstance(one, ast.Return):
            self.returned = None if one.value is None else self._value(one.value)
        else:
            self._parts(one)

    def _parts(self, node: ast.AST) -> None:
        """Read the expressions and statements inside any other node."""
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.stmt):
                self._statement(part)
            elif isinstance(part, ast.withitem) and part.optional_vars is not None:
                self._assign(part.optional_vars, self._value(part.context_expr))
            elif isinstance(part, ast.expr):
                self._value(part)
            else:
                self._parts(part)

    def _class(self, one: ast.ClassDef) -> None:
        """Read a class: its fields are options of the script, and it is called like what it is made of."""
        for statement in one.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                value = None if statement.value is None else self._value(statement.value)
                if isinstance(value, Call) and value.last in ("field", "Field"):
                    value = value.value("default", 0)
                if value is not None and statement.target.id not in self.stated:
                    self.options[statement.target.id] = value
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions[f"{one.name}.{statement.name}"] = statement
        base = self._dotted(one.bases[0]) if one.bases else None
        if base is not None:
            self.imports[one.name] = base

    def _assign(self, target: ast.expr, value: object) -> None:
        if isinstance(target, ast.Name):
            self.values[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            several = value if isinstance(value, tuple | list) and len(value) == len(target.elts) else None
            for number, part in enumerate(target.elts):
                first = value if number == 0 else None
                self._assign(part, first if several is None else several[number])
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            inside, key = self.values.get(target.value.id), self._value(target.slice)
            if isinstance(inside, dict) and isinstance(key, str):
                longer = self._length(inside) + self._length(value)
                inside[key] = value if longer <= LONGEST else unknown(target)
                self.lengths[id(inside)] = inside, min(longer, LONGEST)

    def _dotted(self, node: ast.expr) -> str | None:
        """Name with its module of something imported; None for anything else."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self.values:
            return None
        if node.id in self.imports:
            return ".".join([self.imports[node.id], *names])
        return ".".join([node.id, *names]) if node.id[:1].isupper() else None

    def _value(self, node: ast.expr) -> object:
        """Value of an expression, and the calls inside it."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise UsageError("the script does too much to be followed", "give the part that loads a model")
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name | ast.Attribute):
            return self._named(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            found = [self._value(part) for part in node.elts]
            return self._bounded(tuple(found) if isinstance(node, ast.Tuple) else found, found, node)
        if isinstance(node, ast.Dict):
            mapping = self._mapping(node)
            return self._bounded(mapping, list(mapping.values()), node)
        if isinstance(node, ast.IfExp):
            test = self._value(node.test)
            yes, no = self._value(node.body), self._value(node.orelse)
            if not is_open(test):
                return yes if test else no
            return yes if yes == no and not is_unknown(yes) else unknown(node)
        operation = self._operation(node)
        if operation is not None:
            return operation
        self._parts(node)
        return unknown(node)

    def _named(self, node: ast.Name | ast.Attribute) -> object:
        if isinstance(node, ast.Name) and node.id in self.values:
            return self.values[node.id]
        dotted = self._dotted(node)
        if dotted is not None:
            return list(self.words) if dotted == "sys.argv" else Reference(dotted)
        if isinstance(node, ast.Attribute):
            inside = self._value(node.value)
            if node.attr in self.options and (is_unknown(inside) or isinstance(inside, Call)):
                return self.options[node.attr]
            if isinstance(inside, Call) and node.attr in inside.keywords:
                return inside.keywords[node.attr]
        elif node.id in self.options:
            return self.options[node.id]
        return unknown(node)

    def _mapping(self, node: ast.Dict) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, part in zip(node.keys, node.values, strict=True):
            value = self._value(part)
            if key is None:
                found.update(value if isinstance(value, dict) else {})
            else:
                found[str(self._value(key))] = value
        return found

    def _operation(self, node: ast.expr) -> object:
        """Value of arithmetic, of a comparison, of text with values in it, or of an item; None for anything else."""
        if isinstance(node, ast.BinOp):
            return arithmetic(node, self._value(node.left), self._value(node.right))
        if isinstance(node, ast.UnaryOp):
            value = self._value(node.operand)
            if isinstance(node.op, ast.USub) and isinstance(value, int | float):
                return -value
            return (not value) if isinstance(node.op, ast.Not) and not is_open(value) else unknown(node)
        if isinstance(node, ast.BoolOp):
            return self._either(node)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = self._value(node.left), self._value(node.comparators[0])
            if is_open(left) or is_open(right) or not isinstance(node.ops[0], EQUALITIES):
                return unknown(node)
            return (left == right) == isinstance(node.ops[0], ast.Eq | ast.Is)
        if isinstance(node, ast.JoinedStr):
            parts = [self._value(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values]
            plain = all(isinstance(one, str | int | float) and not is_unknown(one) for one in parts)
            known = plain and sum(map(self._length, parts)) <= LONGEST
            return "".join(map(str, parts)) if known else unknown(node)
        if isinstance(node, ast.Subscript):
            return self._item(node)
        return None

    def _bounded(self, value: object, parts: list[object], node: ast.expr) -> object:
        """Give back a value made of parts, whose length is remembered; unknown if written out it were too long."""
        length = len(parts) + sum(map(self._length, parts))
        if length > LONGEST:
            return unknown(node)
        self.lengths[id(value)] = value, length
        return value

    def _length(self, value: object) -> int:
        """Number of characters, about, of a value written out."""
        return len(value) if isinstance(value, str) else self.lengths.get(id(value), (value, 1))[1]

    def _either(self, node: ast.BoolOp) -> object:
        """Value of ``a or b`` and ``a and b``."""
        value: object = None
        for part in node.values:
            value = self._value(part)
            if is_open(value):
                return unknown(node)
            if bool(value) == isinstance(node.op, ast.Or):
                return value
        return value

    def _item(self, node: ast.Subscript) -> object:
        inside, key = self._value(node.value), self._value(node.slice)
        if inside == "os.environ" and isinstance(inside, Reference):
            return Word(self.environment[str(key)]) if str(key) in self.environment else unknown(node)
        if isinstance(inside, dict) and isinstance(key, str) and key in inside:
            return inside[key]
        if isinstance(inside, list | tuple) and isinstance(key, int) and -len(inside) <= key < len(inside):
            return inside[key]
        return unknown(node)

    def _call(self, node: ast.Call) -> object:
        """Value of a call: what a function of the script returns, or the call itself."""
        name = self._callee(node.func)
        arguments = [self._value(part) for part in node.args if not isinstance(part, ast.Starred)]
        keywords: dict[str, object] = {}
        for part in node.keywords:
            value = self._value(part.value)
            if part.arg is not None:
                keywords[part.arg] = value
            elif isinstance(value, dict):
                keywords.update(value)
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise UsageError(f"the script makes more than {MOST_CALLS:,} calls", "give the part that loads a model")
        if name in self.functions and self.depth < DEEPEST:
            return self._enter(name, self.functions[name], arguments, keywords)
        if sum(map(self._length, (*arguments, *keywords.values()))) > LONGEST:
            arguments = [unknown(node) if self._length(one) > LONGEST // 64 else one for one in arguments]
            keywords = {
                key: unknown(node) if self._length(one) > LONGEST // 64 else one for key, one in keywords.items()
            }
        made = Call(name, tuple(arguments), keywords)
        self._bounded(made, [*arguments, *keywords.values()], node)
        self.found.append(made)
        if made.last == "add_argument":
            self._option(made)
        return self._result(made, node)

    def _callee(self, node: ast.expr) -> str:
        """Name of what is called."""
        if isinstance(node, ast.Name) and node.id in self.functions:
            return node.id
        dotted = self._dotted(node)
        if dotted is not None:
            return dotted
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            return ".".join(["", *names]) if names else node.id
        self._value(node)
        return ".".join(["", *names])

    def _enter(
        self,
        name: str,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        arguments: Sequence[object],
        keywords: Mapping[str, object],
    ) -> object:
        """Read the body of a function of the script with its arguments; the value that it returns."""
        self.entered.add(name)
        before, self.returned, self.depth = dict(self.values), None, self.depth + 1
        names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        usual = dict(zip(reversed(names), map(self._value, reversed(function.args.defaults)), strict=False))
        only = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        usual.update({one.arg: self._value(part) for one, part in only if part is not None})
        for one in (*names, *[one.arg for one in function.args.kwonlyargs]):
            self.values.pop(one, None)
            if one in usual:
                self.values[one] = self.options[one] if one in self.stated else usual[one]
        self.values.update(zip(names, arguments, strict=False))
        self.values.update(keywords)
        self._body(function.body)
        value, self.returned, self.depth, self.values = self.returned, None, self.depth - 1, before
        return value

    def _option(self, made: Call) -> None:
        """Remember the default of an option of ``argparse``."""
        names = [str(one).lstrip("-").replace("-", "_") for one in made.arguments if isinstance(one, str)]
        name = str(made.value("dest") or max(names, key=len, default=""))
        usual = made.value("default")
        if usual is None and str(made.value("action")) == "store_true":
            usual = False
        if usual is not None and name not in self.stated:
            self.options[name] = usual

    def _result(self, made: Call, node: ast.Call) -> object:
        """Value of a call that the text decides: of an environment variable, or of a plain type."""
        if made.name in ("os.environ.get", "os.getenv"):
            name = str(made.value("key", 0))
            if name in self.environment:
                return Word(self.environment[name])
            return made.value("default", 1) if len(made.arguments) + len(made.keywords) > 1 else None
        if made.name == "dict":
            return dict(made.keywords)
        if made.name in ("int", "float", "str", "bool") and len(made.arguments) == 1:
            value = made.arguments[0]
            return literal(str(value)) if made.name != "str" and not is_unknown(value) else value
        if made.last in ("Path", "join", "expanduser", "abspath") and made.arguments:
            known = not any(is_unknown(one) or not isinstance(one, str) for one in made.arguments)
            return "/".join(map(str, made.arguments)) if known else unknown(node)
        return made
