"""`python -m tests.translations`: bring the catalogues up to date with the code, and say what they lack."""

from . import FOREIGN, misfilled, untranslated, write

for language in FOREIGN:
    catalogue = write(language)
    print(f"{language}: {len(catalogue)} texts, {len(untranslated(catalogue))} without a translation.")
    for one in misfilled(catalogue):
        print(f"  other braces: {one.id}")
