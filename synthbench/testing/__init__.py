"""Conformance checks: does a plugin keep what the interfaces ask?

For a plugin's own tests::

    from synthbench.testing import parametrize_plugin_checks

    @parametrize_plugin_checks("acme")
    def test_conformance(check):
        check()

`synthbench plugin check` runs the same checks; `docs/conformance.md` lists them.

verdicts.py        how a check ends other than well
checks.py          what a check is, and running it
specimens.py       what is checked, by name
static.py          level 0: what a plugin and its specs say
samples.py         small data that every check of level 1 shares
guard.py           what code leaves behind in the process and on disk
recipes.py         a method's smoke recipe, made tiny
translators.py     level 1 of each kind: the contract on a CPU
discriminators.py
losses.py
adversarial.py
methods.py
datasets.py
evaluators.py
parametrize.py     the checks as pytest parameters
page.py            the checks as documentation
"""

from synthbench.testing.parametrize import parametrize_plugin_checks

__all__ = ["parametrize_plugin_checks"]
