"""pytest-vsc: a pytest plugin that gates a vision-language model release on safety calibration.

The rooms of the core, in order; each may import only what stands above it (`tests/test_imports.py` reads this list):

    errors
    spelling
    joining
    shipped
    private
    echoes
    memos
    cases
    thoughts
    records
    replies
    labels
    normalising
    solutions
    marking
    pictures
    sources
    gallery
    suites
    likeness
    verifying
    leakage
    protocols
    examine
    schemas
    selection
    exclusions
    findings
    releases
    tables
    lettering
    drafts
    screening
    bringing
    composing
    imports
    intervals
    paired
    correction
    sequential
    planning
    cards
    tallies
    statistics
    repeats
    reliability
    comparing
    language
    gates
    deciding
    early
    agreement
    locks
    scores
    reviews
    runs
    redaction
    earlier
    writing
    baselines
    methods
    gains
    tradeoffs
    curves
    robust
    impostors
    trials
    storefile
    store
    upkeep
    answers
    conversations
    judging
    selfcheck
    broker

Leaves (`calibrations`, `engines`, `judges`, `importers`, `forge`) import the core and never each other.
Edges (`plugin`, `reports`, `cli`, `testing`) import anything and are imported by nobody below them. pytest itself is
imported by `plugin`, and by `testing`, since other people's tests call that and are to fail or skip by it; by no other.
"""

__version__ = "0.1.0"
