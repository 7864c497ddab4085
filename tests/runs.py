"""Which tests belong to which run, and which ones start first. `conftest.py` applies this."""

# The files that take longest. They start first and in this order, so that none of them is left to run
# alone at the end. Files whose tests mainly wait are among others that keep a core busy.
# `pytest --durations=0` shows what has changed.
LONGEST = (
    "tests/workshop/test_checker.py",
    "tests/browser/test_final_app_pages.py",
    "tests/browser/test_final_app_panels.py",
    "tests/browser/test_final_app_files.py",
    "tests/workshop/test_second_hint.py",
    "tests/browser/test_final_app.py",
    "tests/browser/test_final_app_notices.py",
    "tests/browser/test_final_app_line.py",
    "tests/workshop/test_tour.py",
    "tests/browser/test_final_app_daily.py",
    "tests/contract/test_promises_with_accounts.py",
    "tests/browser/test_lab_live.py",
    "tests/wire/test_engine.py",
    "tests/final_app/test_workers.py",
    "tests/workshop/test_processes.py",
    "tests/workshop/test_page.py",
    "tests/faults/test_postgresql.py",
    "tests/browser/test_foreign_page.py",
    "tests/workshop/test_variants.py",
)

# `pytest -m quick`, which you run after each change: under a minute on two cores. It covers each
# part once, without a browser and without the steps that hash passwords. An entry is a file, or the
# beginning of a test's name after `::`.
QUICK = (
    "tests/contract/test_promises.py",
    "tests/contract/test_promises_of_final_app.py",
    "tests/final_app/test_messages.py",
    "tests/final_app/test_reactions.py",
    "tests/final_app/test_rooms.py",
    "tests/final_app/test_search.py",
    "tests/repo/test_architecture.py",
    "tests/repo/test_benchmarks.py",
    "tests/repo/test_bridge.py",
    "tests/repo/test_final_app.py",
    "tests/repo/test_lessons.py",
    "tests/repo/test_runs.py",
    "tests/repo/test_style.py::test_the_linters_find_nothing[ruff",
    "tests/wire/test_parts.py",
    "tests/workshop/test_changes.py",
    "tests/workshop/test_clients.py",
    "tests/workshop/test_doctor.py",
    "tests/workshop/test_kit.py",
    "tests/workshop/test_learner.py",
    "tests/workshop/test_threeway.py",
)


def is_quick(nodeid: str) -> bool:
    """Return whether a test belongs to the quick run. `nodeid` is pytest's name for it."""
    return nodeid.partition("::")[0] in QUICK or nodeid.startswith(
        tuple(entry for entry in QUICK if "::" in entry)
    )
