"""Cases of evidence as tables, with no test in them: how each is made, what the specification makes of it, and how they are put to the program.
tests/e2e judges them."""
