"""Every provider is one file of one shape, so that who knows one of them knows all."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest

from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Provider
from functions.archiver.settings.source import MAX_PARALLEL, MAX_PER_MINUTE
from functions.providers import load, names
from tests.contract.fixture import EXCEPTIONS, FOLDER, NAMES, read

MAX_LINES = 350
NEEDED = {"list", "last", "empty", "lookup", "missing", "media"}
PARTS = ("errors", "http.", "provider.", "recording", "secret")
NOT_A_PROVIDERS_BUSINESS = {
    *("asyncio", "concurrent", "ctypes", "ftplib", "io", "logging", "multiprocessing", "os", "pathlib", "pickle"),
    *("shelve", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading"),
}
NOT_CALLED = {"sleep", "print", "open", "eval", "exec", "compile", "__import__", "input"}
IN_ORDER = [name for name, member in vars(Provider).items() if inspect.isfunction(member)]


@pytest.fixture(params=names())
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def module(provider: str) -> ModuleType:
    return importlib.import_module(f"functions.providers.{provider}")


@pytest.fixture
def tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


@pytest.fixture
def declaration(provider: str) -> Declaration:
    return load(provider).declaration


def overridden(provider: str, method: str) -> bool:
    return method in vars(load(provider))


def the_class(tree: ast.Module) -> ast.ClassDef:
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return found


def test_every_provider_has_a_fixture_and_every_fixture_a_provider() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == names()


def test_a_fixture_holds_the_exchanges_that_are_needed(provider: str) -> None:
    fixture = read(provider)
    assert set(fixture.exchanges) <= set(NAMES)
    assert set(fixture.exchanges) >= NEEDED
    assert ("refused" in fixture.exchanges) is not ("cursors_never_expire" in fixture.exceptions)
    assert len(fixture.recordings) == 3
    shapes = [set(shape) for shape in load(provider).declaration.secret_fields]
    assert set(fixture.credentials) in shapes


def test_every_secret_of_a_fixture_is_marked_as_confidential(provider: str) -> None:
    fixture, public = read(provider), load(provider).declaration.public_fields
    for name, value in fixture.credentials.items():
        assert (value in fixture.confidential) is (name not in public)


def test_an_exception_is_a_known_one_and_has_its_reason(provider: str) -> None:
    for exception, reason in read(provider).exceptions.items():
        assert exception in EXCEPTIONS
        assert len(reason) > 10


def test_a_provider_fits_on_a_few_screens(module: ModuleType) -> None:
    assert len(inspect.getsource(module).splitlines()) <= MAX_LINES


def test_a_module_is_documented_and_holds_one_class_after_its_constants(provider: str, tree: ast.Module) -> None:
    assert ast.get_docstring(tree)
    kinds = [type(node) for node in tree.body[1:]]
    at = kinds.index(ast.ClassDef)
    assert set(kinds[:at]) <= {ast.ImportFrom, ast.Import, ast.Assign, ast.AnnAssign, ast.Expr}
    assert set(kinds[at + 1 :]) <= {ast.FunctionDef}
    assert the_class(tree).name.lower() == provider.replace("_", "")


def test_a_class_begins_with_its_declaration_and_keeps_the_order_of_methods(tree: ast.Module) -> None:
    body = the_class(tree).body
    assert ast.get_docstring(the_class(tree))
    assert isinstance(body[1], ast.Assign)
    assert ast.unparse(body[1].targets[0]) == "declaration"
    methods = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    public = [name for name in methods if name in IN_ORDER]
    assert public == sorted(public, key=IN_ORDER.index)
    assert {name for name in methods if not name.startswith("_")} <= set(IN_ORDER)


def test_every_public_method_tells_what_is_peculiar(tree: ast.Module) -> None:
    for node in the_class(tree).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_a_provider_uses_only_what_a_provider_is_made_of(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert_allowed(str(node.module))
        if isinstance(node, ast.Import):
            for alias in node.names:
                assert_allowed(alias.name)


def assert_allowed(module: str) -> None:
    top, _, rest = module.partition(".")
    if top == "functions":
        assert rest.removeprefix("archiver.").startswith(PARTS)
    else:
        assert top in sys.stdlib_module_names
        assert top not in NOT_A_PROVIDERS_BUSINESS
        assert module not in ("urllib.request", "http.client")


def test_a_provider_neither_sleeps_nor_prints_nor_opens_files(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert not isinstance(node.func, ast.Name) or node.func.id not in NOT_CALLED
            assert not isinstance(node.func, ast.Attribute) or node.func.attr != "sleep"


def test_abilities_are_declared_if_and_only_if_they_are_there(provider: str, declaration: Declaration) -> None:
    assert overridden(provider, "transcript") is declaration.transcripts
    assert overridden(provider, "delete") is bool(declaration.deletes)
    assert overridden(provider, "annotate") is declaration.annotates
    assert overridden(provider, "upload") is declaration.uploads
    assert overridden(provider, "event") is bool(declaration.webhook)
    assert overridden(provider, "webhooks") is declaration.registers_webhooks
    assert overridden(provider, "register_webhook") is declaration.registers_webhooks
    assert declaration.deletes or not overridden(provider, "delete_many")


def test_a_size_is_declared_if_and_only_if_it_is_told(provider: str, declaration: Declaration) -> None:
    assert any("size_bytes" in facts for facts in read(provider).recordings) is declaration.reports_size


def test_every_option_has_a_help_text_and_a_default_that_fits(declaration: Declaration) -> None:
    for option in declaration.options:
        assert len(option.help) > 10
        assert option.help[0].islower() or option.help[0].isdigit()
        assert not (option.required and option.default is not None)
        assert not option.choices or option.default is None or option.default in option.choices
        assert bool(option.fields) is (option.kind == "tables")
        assert bool(option.purpose) is (option.kind == "origin")


def test_a_declaration_holds_numbers_that_make_sense(declaration: Declaration) -> None:
    assert declaration.title
    assert 0 < declaration.rate_default <= MAX_PER_MINUTE
    assert 0 < declaration.parallel_default <= MAX_PARALLEL
    assert declaration.overlap_minimum.total_seconds() > 0
    assert declaration.page_size > 0
    late = declaration.filter_clock == "start"  # a call is listed when it ends, under the time when it began
    assert declaration.overlap_minimum.total_seconds() >= (12 * 3600 if late else 1)
    for limit in declaration.limits:
        assert limit.kinds
        assert limit.per_minute or limit.per_day
    assert declaration.secret_fields
    fields = {field for shape in declaration.secret_fields for field in shape}
    assert set(declaration.public_fields) < fields
    assert not declaration.default_base_url or declaration.default_base_url.startswith("https://")


@pytest.mark.parametrize("folder", ["functions", "functions/archiver", "infra", "ops/local"])
def test_nothing_is_decided_by_a_provider_s_name(folder: str) -> None:
    """What a provider needs stands in its file; only advice for operators may know more of one."""
    for path in set(Path(folder).rglob("*.py")) - set(Path("functions/providers").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Constant) or node.value not in names(), path
