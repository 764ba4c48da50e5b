"""Words of our own choice: rare ones that are put beside a question, fillers, and short forms. No text is changed."""

from __future__ import annotations

# Plain, harmless and seldom asked about, so that none of them changes what is asked. A search for a word that makes a
# model fail goes through all of them.
VOCABULARY = tuple(
    """
    abacus acorn acreage agate airship alcove almanac alpaca amber amulet anagram anchovy andiron aniseed antler
    apricot apron aquifer arbour argyle armchair artichoke asterisk atlas atoll attic aubergine awning azure bagpipe
    ballad bamboo banister banjo baritone barley barnacle basalt bauble bazaar beeswax begonia bellows beret beryl
    birch biscuit blotter bluebell bobbin bonnet bookend bracket bramble brioche brocade bucket buckle bugle bunting
    burlap buzzard cabbage calico candelabra canoe canopy canyon caramel caravan cardamom cardigan carousel cashew
    castanet catkin cedar cello chaffinch chalice chamois chandelier cheddar chestnut chicory chimney chinchilla
    chutney cinnamon clarinet clavichord clementine cloister clover cobalt cobbler colander comet compass concertina
    condor corduroy cormorant cornice cranberry crayon crescent cricket crinoline crochet croissant crumpet cupboard
    custard cygnet cymbal daffodil dahlia damask dandelion denim dewdrop dinghy doily dolphin domino dormouse
    dragonfly driftwood dulcimer dumpling easel eclipse eiderdown elderberry ellipse ember emerald equinox
    escarpment espresso estuary eyelet falcon fathom fennel fern ferret fiddle figurine filament finch fjord
    flamingo flannel flotilla flute foliage footnote fresco fuchsia furrow gable gadfly galosh gannet garland garnet
    gazebo gazelle geranium geyser gherkin ginger gingham glacier gondola gooseberry gosling gouache granary granite
    gravel grotto grove guava gusset haddock hammock hamster handrail harmonica harp hazelnut heather hedgehog heron
    hexagon hickory hinge hollyhock honeycomb horizon hornbeam hummock hyacinth iceberg iguana indigo inkwell iris
    isthmus jackdaw jasmine jigsaw jonquil juniper kayak keel kelp kestrel kettle kingfisher kiosk kiwi knapsack
    knitwear kumquat lacquer ladle lagoon lantern lapwing larch lark lattice lavender lectern lemur lentil lichen
    lilac limerick linen linnet lintel llama lobster locket lodestar loom lozenge lute lynx macaroon magnolia magpie
    mahogany mandolin mangrove marigold marjoram marmalade marmot marzipan meadow medallion meringue metronome
    mezzanine mica millpond mimosa minuet mitten monocle moonstone moraine mosaic muffin mulberry myrtle napkin
    narwhal nasturtium nectarine newt nightjar nutmeg oatmeal obelisk oboe octave okra opal orchard oregano origami
    osprey otter oyster paddock paisley palette parasol parsley parsnip pebble pelican pendulum peony pergola
    periwinkle persimmon petunia pewter piccolo pinafore plover plum porridge primrose puffin pumice quartz quill
    quilt quince
    """.split()  # noqa: SIM905  a page of words is read more easily than a list of them
)

FILLERS = ("um", "uh", "er", "erm", "hmm", "well", "let me see")

# In full and in short, where the one can be told from the other: `she'd` and `that's` cannot be.
SHORT_FORMS = {
    "I am": "I'm",
    "I will": "I'll",
    "you are": "you're",
    "you will": "you'll",
    "we are": "we're",
    "we will": "we'll",
    "they are": "they're",
    "they will": "they'll",
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "is not": "isn't",
    "are not": "aren't",
    "was not": "wasn't",
    "were not": "weren't",
    "has not": "hasn't",
    "have not": "haven't",
    "had not": "hadn't",
    "cannot": "can't",
    "could not": "couldn't",
    "should not": "shouldn't",
    "would not": "wouldn't",
    "will not": "won't",
    "must not": "mustn't",
}
