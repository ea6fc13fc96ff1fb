"""The room that talks HTTP: it reads one listing of Kore.ai and says whether what it read is proven complete.

wire      how Kore spells a page request and an answer     slices   the records of a JSON text no decoder takes
answers   what an HTTP answer means for the caller         attempt  one bounded HTTP attempt
auth      tokens                                           pace     at most N requests a minute per account
retry     what is tried again, after how long              listing  one page request, carried through all of these
proof     what to ask next; when a sweep is complete       sweep    what one answer shows, what a sweep has gathered
observe   what an answer tells about the server            windows  closed or open, and where to split
hints     undated reads that tell of changes               undated  the shell around them, and the census
reading   one read while it runs                           source   reads a window: the shell around proof
room      how many rows may be held at once                places   how many requests are under way, and who is next
"""
