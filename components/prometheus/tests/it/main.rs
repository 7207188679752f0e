//! Components of the family as the program sees them.
